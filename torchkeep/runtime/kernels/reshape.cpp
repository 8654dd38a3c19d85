// Reshape-1 to Reshape-21: https://onnx.ai/onnx/operators/onnx__Reshape.html
// Before version 5, the new shape was an attribute.
#include "torchkeep/runtime/graph/parse.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Reshape final : public Kernel {
 public:
  Reshape(bool allow_zero, std::optional<Shape> shape)
      : allow_zero_(allow_zero), shape_(std::move(shape)) {}
  bool takes_halves() const override { return true; }

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    Shape shape = shape_ ? *shape_ : TRY(read_shape(builder));
    if (shape.size() > onnx::kMaxRank)
      return malformed("the new shape has ", shape.size(), " dimensions");
    std::optional<std::size_t> open;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == 0 && !allow_zero_) {
        if (i >= input.size())
          return malformed("dimension ", i, " is to be copied, the input has none");
        shape[i] = input[i];
      }
      if (shape[i] != -1) continue;
      if (open)
        return malformed("more than one dimension is -1 in ", describe(shape),
                         ", wanted is one at most");
      open = i;
    }
    const std::uint64_t count = TRY(element_count(input));
    if (open) {
      shape[*open] = 1;
      const std::uint64_t others = TRY(element_count(shape));
      if (others == 0 || count % others != 0)
        return malformed(describe(input), " does not go into ", describe(shape));
      shape[*open] = static_cast<std::int64_t>(count / others);
    }
    if (TRY(element_count(shape)) != count)
      return malformed(describe(input), " does not go into ", describe(shape));
    return builder.view(0, 0, std::move(shape));
  }

 private:
  static Result<Shape> read_shape(const plan::Builder& builder) {
    if (!builder.has_input(1)) return malformed("input 1 is missing");
    const plan::Operand& wanted = builder.input(1);
    if (!wanted.constant || wanted.shape.size() != 1) {
      return malformed(
          "the new shape depends on elements that are computed, which is not supported");
    }
    return graph::to_ints(*wanted.constant);
  }

  bool allow_zero_;
  std::optional<Shape> shape_;
};

}  // namespace

Result<KernelPointer> make_reshape(NodeReader& node) {
  const bool allow_zero = TRY(node.int_or("allowzero", 0)) != 0;
  if (node.opset() >= 5) return std::make_unique<Reshape>(allow_zero, std::nullopt);
  return std::make_unique<Reshape>(allow_zero, TRY(node.ints("shape")));
}

}  // namespace torchkeep::runtime::kernels
