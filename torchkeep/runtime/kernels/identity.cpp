// Identity-1 to Identity-21, Dropout-1 to Dropout-22 (inference):
// https://onnx.ai/onnx/operators/onnx__Identity.html,
// https://onnx.ai/onnx/operators/onnx__Dropout.html The optimiser takes most of them out before
// they get here.
#include <algorithm>

#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Identity final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  bool takes_sequences() const override { return true; }
  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    if (builder.has_output(1)) {  // Dropout's mask: everything is kept
      std::shared_ptr<graph::Constant> mask = TRY(graph::Constant::make(DataType::Bool, shape));
      std::ranges::fill(mask->bytes(), std::uint8_t{1});
      builder.know(1, std::move(mask));
    }
    return builder.view(0, 0, shape);
  }
};

/// A ratio of 0, which is known: nothing is dropped in training either. torchvision's Swin
/// transformers are exported so.
bool drops_nothing(NodeReader& node) {
  const auto ratio = node.has_input(1) ? node.constant(1) : nullptr;
  return ratio && ratio->dtype() == DataType::Float32 && ratio->bytes().size() == 4 &&
         ratio->elements<float>()[0] == 0;
}

}  // namespace

Result<KernelPointer> make_identity(NodeReader&) { return std::make_unique<Identity>(); }

Result<KernelPointer> make_dropout(NodeReader& node) {
  TRY(node.float_or("ratio", 0.5F));
  TRY(node.int_or("seed", 0));
  // Before version 7 an attribute said so, and training was the default.
  const bool tests = TRY(node.int_or("is_test", node.opset() < 7 ? 0 : 1)) != 0;
  if (!tests) return malformed("it is in training mode; export the model with model.eval()");
  if (node.has_input(2)) {
    const auto training = node.constant(2);
    const bool trains = !training || training->bytes().size() != 1 || training->bytes()[0] != 0;
    if (trains && !drops_nothing(node))
      return malformed("it is in training mode; export the model with model.eval()");
  }
  return std::make_unique<Identity>();
}

}  // namespace torchkeep::runtime::kernels
