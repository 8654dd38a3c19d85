// GatherND-11 to GatherND-13: https://onnx.ai/onnx/operators/onnx__GatherND.html
// ScatterND-11 to ScatterND-18: https://onnx.ai/onnx/operators/onnx__ScatterND.html
#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Each tuple of indices names a slice of the data, of `slice` elements.
struct Tuples {
  std::size_t count, length, slice;
  std::size_t a_batch, batch_elements;  ///< Tuples in a batch; elements of the data in one.
  std::vector<std::size_t> sizes;       ///< Of the dimensions that a tuple names.

  /// Where the slice of a tuple begins. Errors: Malformed for an index out of range.
  Result<std::size_t> place(const std::int64_t* indices, std::size_t tuple) const {
    std::size_t place = 0;
    for (std::size_t i = 0; i < length; ++i) {
      const std::int64_t index = indices[tuple * length + i];
      const std::optional<std::size_t> along = place_of_index(index, sizes[i]);
      if (!along) return wrong_index(index, sizes[i]);
      place = place * sizes[i] + *along;
    }
    return tuple / a_batch * batch_elements + place * slice;
  }
};

/// Errors: Malformed if the indices do not fit the data behind `batches` dimensions.
Result<Tuples> tuples_of(const plan::Builder& builder, std::size_t batches) {
  const Shape& data = builder.input(0).shape;
  const plan::Operand& indices = builder.input(1);
  if (indices.dtype != DataType::Int64)
    return malformed("indices are ", name_of(indices.dtype), ", wanted is INT64");
  if (indices.shape.empty() || batches >= indices.shape.size() || batches > data.size() ||
      !std::equal(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(batches),
                  indices.shape.begin()) ||
      indices.shape.back() > static_cast<std::int64_t>(data.size() - batches)) {
    return malformed("indices of shape ", describe(indices.shape), " do not fit ", describe(data),
                     " with ", batches, " batch dimensions");
  }
  const auto length = static_cast<std::size_t>(indices.shape.back());
  const std::size_t rank = indices.shape.size();
  Tuples tuples{extent(indices.shape, 0, rank - 1),
                length,
                extent(data, batches + length, data.size()),
                std::max<std::size_t>(extent(indices.shape, batches, rank - 1), 1),
                extent(data, batches, data.size()),
                {}};
  for (std::size_t i = 0; i < length; ++i)
    tuples.sizes.push_back(static_cast<std::size_t>(data[batches + i]));
  return tuples;
}

/// The indices' shape without the tuples, then what a tuple leaves of the data's.
Shape gathered_shape(const Shape& data, const Shape& indices, std::size_t named) {
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(named), data.end());
  return shape;
}

class GatherND final : public Kernel {
 public:
  explicit GatherND(std::size_t batches) : batches_(batches) {}

  Result<void> plan(plan::Builder& builder) override {
    const Tuples tuples = TRY(tuples_of(builder, batches_));
    const DataType dtype = builder.input(0).dtype;
    Shape output =
        gathered_shape(builder.input(0).shape, builder.input(1).shape, batches_ + tuples.length);
    const plan::BufferId from = TRY(builder.read(0)), which = TRY(builder.read(1));
    builder.step({from, which, TRY(builder.write(0, dtype, std::move(output)))},
                 [tuples, size = element_bytes(dtype)](std::span<std::byte* const> memory,
                                                       Pool&) -> Result<void> {
                   const std::size_t bytes = tuples.slice * size;
                   for (std::size_t i = 0; i < tuples.count; ++i) {
                     const std::size_t place =
                         TRY(tuples.place(source<std::int64_t>(memory, 1), i));
                     if (bytes > 0)
                       std::memcpy(memory[2] + i * bytes, memory[0] + place * size, bytes);
                   }
                   return {};
                 });
    return {};
  }

 private:
  std::size_t batches_;
};

class ScatterND final : public Kernel {
 public:
  explicit ScatterND(Update update) : update_(update) {}

  Result<void> plan(plan::Builder& builder) override {
    const Tuples tuples = TRY(tuples_of(builder, 0));
    const plan::Operand &data = builder.input(0), &values = builder.input(2);
    const Shape wanted = gathered_shape(data.shape, builder.input(1).shape, tuples.length);
    if (values.shape != wanted || values.dtype != data.dtype)
      return malformed("updates of shape ", describe(values.shape), " do not fit, wanted is ",
                       describe(wanted));
    const DataType dtype = data.dtype;
    const Shape shape = data.shape;
    const std::uint64_t bytes = TRY(byte_count(dtype, shape));
    plan::Action action = TRY(action_for_update(
        update_, dtype, [&]<typename T>() { return action_of<T>(tuples, bytes); }));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    buffers.push_back(TRY(builder.write(0, dtype, shape)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  template <typename T>
  plan::Action action_of(const Tuples& tuples, std::uint64_t bytes) const {
    return [tuples, bytes, update = update_](std::span<std::byte* const> memory,
                                             Pool&) -> Result<void> {
      if (bytes > 0) std::memcpy(memory[3], memory[0], bytes);
      T* to = target<T>(memory, 3);
      for (std::size_t i = 0; i < tuples.count; ++i) {
        const std::size_t place = TRY(tuples.place(source<std::int64_t>(memory, 1), i));
        const T* from = source<T>(memory, 2) + i * tuples.slice;
        for (std::size_t k = 0; k < tuples.slice; ++k)
          to[place + k] = updated(update, to[place + k], from[k]);
      }
      return {};
    };
  }

  Update update_;
};

}  // namespace

Result<KernelPointer> make_gather_nd(NodeReader& node) {
  const std::int64_t batches = TRY(node.int_or("batch_dims", 0));
  if (batches < 0) return malformed("batch_dims is ", batches, ", wanted is 0 or more");
  return std::make_unique<GatherND>(static_cast<std::size_t>(batches));
}
Result<KernelPointer> make_scatter_nd(NodeReader& node) {
  return std::make_unique<ScatterND>(TRY(update_of(TRY(node.text_or("reduction", "none")))));
}

}  // namespace torchkeep::runtime::kernels
