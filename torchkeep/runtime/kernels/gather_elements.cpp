// GatherElements-11, GatherElements-13: https://onnx.ai/onnx/operators/onnx__GatherElements.html
// ScatterElements-11 to ScatterElements-18, Scatter-9:
// https://onnx.ai/onnx/operators/onnx__ScatterElements.html
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

/// For each element of the indices, the place in the data that its own indices and the index name.
class Walk {
 public:
  Walk(const Shape& data, const Shape& indices, std::size_t axis)
      : shape_(indices), strides_(row_major_strides(data)), axis_(axis) {
    size_ = static_cast<std::size_t>(data[axis]);
    stride_ = static_cast<std::size_t>(strides_[axis]);
    strides_[axis_] = 0;
  }
  std::size_t count() const { return extent(shape_, 0, shape_.size()); }
  std::optional<std::size_t> place(std::size_t element, std::int64_t index) const {
    const std::optional<std::size_t> along = place_of_index(index, size_);
    if (!along) return std::nullopt;
    std::size_t place = *along * stride_;
    for (std::size_t i = shape_.size(); i-- > 0;) {
      const auto size = static_cast<std::size_t>(shape_[i]);
      place += element % size * static_cast<std::size_t>(strides_[i]);
      element /= size;
    }
    return place;
  }
  Error refusal(std::int64_t index) const { return wrong_index(index, size_); }

 private:
  Shape shape_;
  std::vector<std::int64_t> strides_;
  std::size_t axis_, size_ = 0, stride_ = 0;
};

/// Errors: Malformed unless the indices are within the data everywhere but along the axis.
Result<void> check_fit(const Shape& data, const Shape& indices, std::size_t axis) {
  bool fits = data.size() == indices.size();
  for (std::size_t i = 0; fits && i < data.size(); ++i) fits = i == axis || indices[i] <= data[i];
  if (fits) return {};
  return malformed("indices of shape ", describe(indices), " do not fit ", describe(data));
}

class GatherElements final : public Kernel {
 public:
  explicit GatherElements(std::int64_t axis) : axis_(axis) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand &data = builder.input(0), &indices = builder.input(1);
    const std::size_t axis = TRY(resolve_axis(axis_, data.shape.size()));
    TRY(check_fit(data.shape, indices.shape, axis));
    const DataType dtype = data.dtype;
    const Walk walk(data.shape, indices.shape, axis);
    plan::Action action = TRY(action_for(IndexTypes(), indices.dtype, [&]<typename Index>() {
      return action_by_size(dtype, [&]<typename T>() { return action_of<T, Index>(walk); });
    }));
    Shape output = indices.shape;
    const plan::BufferId from = TRY(builder.read(0)), which = TRY(builder.read(1));
    builder.step({from, which, TRY(builder.write(0, dtype, std::move(output)))}, std::move(action));
    return {};
  }

 private:
  template <typename T, typename Index>
  static plan::Action action_of(const Walk& walk) {
    return [walk](std::span<std::byte* const> memory, Pool&) -> Result<void> {
      for (std::size_t i = 0; i < walk.count(); ++i) {
        const std::int64_t index = source<Index>(memory, 1)[i];
        const std::optional<std::size_t> place = walk.place(i, index);
        if (!place) return walk.refusal(index);
        target<T>(memory, 2)[i] = source<T>(memory, 0)[*place];
      }
      return {};
    };
  }

  std::int64_t axis_;
};

class ScatterElements final : public Kernel {
 public:
  ScatterElements(std::int64_t axis, Update update) : axis_(axis), update_(update) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand &data = builder.input(0), &indices = builder.input(1),
                        &values = builder.input(2);
    const std::size_t axis = TRY(resolve_axis(axis_, data.shape.size()));
    TRY(check_fit(data.shape, indices.shape, axis));
    if (values.shape != indices.shape || values.dtype != data.dtype)
      return malformed("updates of shape ", describe(values.shape), " do not fit indices of shape ",
                       describe(indices.shape));
    const DataType dtype = data.dtype;
    const Shape shape = data.shape;
    const Walk walk(shape, indices.shape, axis);
    const std::uint64_t bytes = TRY(byte_count(dtype, shape));
    plan::Action action = TRY(action_for_update(update_, dtype, [&]<typename T>() {
      return indices.dtype == DataType::Int32 ? action_of<T, std::int32_t>(walk, bytes)
                                              : action_of<T, std::int64_t>(walk, bytes);
    }));
    if (indices.dtype != DataType::Int32 && indices.dtype != DataType::Int64)
      return malformed("indices are ", name_of(indices.dtype));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    buffers.push_back(TRY(builder.write(0, dtype, shape)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  template <typename T, typename Index>
  plan::Action action_of(const Walk& walk, std::uint64_t bytes) const {
    return
        [walk, bytes, update = update_](std::span<std::byte* const> memory, Pool&) -> Result<void> {
          if (bytes > 0) std::memcpy(memory[3], memory[0], bytes);
          T* to = target<T>(memory, 3);
          for (std::size_t i = 0; i < walk.count(); ++i) {
            const std::int64_t index = source<Index>(memory, 1)[i];
            const std::optional<std::size_t> place = walk.place(i, index);
            if (!place) return walk.refusal(index);
            to[*place] = updated(update, to[*place], source<T>(memory, 2)[i]);
          }
          return {};
        };
  }

  std::int64_t axis_;
  Update update_;
};

}  // namespace

Result<KernelPointer> make_gather_elements(NodeReader& node) {
  return std::make_unique<GatherElements>(TRY(node.int_or("axis", 0)));
}
Result<KernelPointer> make_scatter_elements(NodeReader& node) {
  const Update update = TRY(update_of(TRY(node.text_or("reduction", "none"))));
  return std::make_unique<ScatterElements>(TRY(node.int_or("axis", 0)), update);
}

}  // namespace torchkeep::runtime::kernels
