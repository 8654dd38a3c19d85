// Reshape-5 to Reshape-21: https://onnx.ai/onnx/operators/onnx__Reshape.html
#include "torchkeep/runtime/graph/parse.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Reshape final : public Kernel {
 public:
  explicit Reshape(bool allow_zero) : allow_zero_(allow_zero) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const plan::Operand& wanted = builder.input(1);
    if (!wanted.constant || wanted.shape.size() != 1) {
      return malformed(
          "the new shape depends on elements that are computed, which is not supported");
    }
    Shape shape = TRY(graph::to_ints(*wanted.constant));
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
      if (open) return malformed("more than one dimension is -1 in ", describe(shape));
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
  bool allow_zero_;
};

}  // namespace

Result<KernelPointer> make_reshape(NodeReader& node) {
  return std::make_unique<Reshape>(TRY(node.int_or("allowzero", 0)) != 0);
}

}  // namespace torchkeep::runtime::kernels
