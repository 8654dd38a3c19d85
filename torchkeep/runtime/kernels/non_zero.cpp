// NonZero-9, NonZero-13: https://onnx.ai/onnx/operators/onnx__NonZero.html
// Compress-9, Compress-11: https://onnx.ai/onnx/operators/onnx__Compress.html
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

bool is_zero(const plan::View& view, std::size_t index) {
  // A float's sign does not make it another number.
  if (view.dtype == DataType::Float32) return reinterpret_cast<const float*>(view.data)[index] == 0;
  if (view.dtype == DataType::Float64)
    return reinterpret_cast<const double*>(view.data)[index] == 0;
  const std::size_t size = element_bytes(view.dtype);
  return std::all_of(view.data + index * size, view.data + (index + 1) * size,
                     [](std::byte byte) { return byte == std::byte{0}; });
}

class NonZero final : public Kernel {
 public:
  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs,
                                  plan::Context& context) override {
    const plan::View& input = inputs[0];
    // A scalar is one dimension of one, as NumPy has it.
    const Shape shape = input.shape.empty() ? Shape{1} : input.shape;
    const std::uint64_t count = TRY(element_count(input.shape));
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < count; ++i) found += is_zero(input, i) ? 0 : 1;
    // A byte may become 64 here, and 8 while that is made.
    TRY(context.check_kept(found * (shape.size() + 1) * sizeof(std::int64_t)));
    std::vector<std::size_t> places;
    places.reserve(found);
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_zero(input, i)) places.push_back(i);
    }
    Tensor output = TRY(Tensor::uninitialised(
        DataType::Int64, {std::ssize(shape), static_cast<std::int64_t>(places.size())}));
    std::size_t stride = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      const auto size = static_cast<std::size_t>(shape[d]);
      std::int64_t* to = output.elements<std::int64_t>().data() + d * places.size();
      for (std::size_t i = 0; i < places.size(); ++i)
        to[i] = static_cast<std::int64_t>(places[i] / stride % size);
      stride *= size;
    }
    std::vector<Tensor> outputs;
    outputs.push_back(std::move(output));
    return outputs;
  }
};

class Compress final : public Kernel {
 public:
  explicit Compress(std::optional<std::int64_t> axis) : axis_(axis) {}

  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const plan::View &input = inputs[0], &condition = inputs[1];
    if (condition.dtype != DataType::Bool || condition.shape.size() != 1)
      return malformed("the condition is ", name_of(condition.dtype), " ",
                       describe(condition.shape));
    Shape shape = input.shape;
    if (!axis_) shape = {static_cast<std::int64_t>(TRY(element_count(shape)))};
    const std::size_t axis = axis_ ? TRY(resolve_axis(*axis_, shape.size())) : 0;
    if (condition.shape[0] > shape[axis])
      return malformed("the condition has ", condition.shape[0], " elements, dimension ", axis,
                       " has ", shape[axis]);
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < static_cast<std::size_t>(condition.shape[0]); ++i) {
      if (condition.data[i] != std::byte{0}) chosen.push_back(i);
    }
    const std::size_t outer = extent(shape, 0, axis), size = extent(shape, axis, axis + 1),
                      bytes = extent(shape, axis + 1, shape.size()) * element_bytes(input.dtype);
    shape[axis] = static_cast<std::int64_t>(chosen.size());
    Tensor output = TRY(Tensor::uninitialised(input.dtype, shape));
    auto* to = reinterpret_cast<std::byte*>(output.data.data());
    for (std::size_t i = 0; i < outer; ++i) {
      for (const std::size_t k : chosen)
        to = std::copy_n(input.data + (i * size + k) * bytes, bytes, to);
    }
    std::vector<Tensor> outputs;
    outputs.push_back(std::move(output));
    return outputs;
  }

 private:
  std::optional<std::int64_t> axis_;
};

}  // namespace

Result<KernelPointer> make_non_zero(NodeReader&) { return std::make_unique<NonZero>(); }
Result<KernelPointer> make_compress(NodeReader& node) {
  std::optional<std::int64_t> axis;
  if (node.has("axis")) axis = TRY(node.int_or("axis", 0));
  return std::make_unique<Compress>(axis);
}

}  // namespace torchkeep::runtime::kernels
