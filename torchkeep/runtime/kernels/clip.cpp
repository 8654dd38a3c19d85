// Clip-11 to Clip-13: https://onnx.ai/onnx/operators/onnx__Clip.html
#include <limits>

#include "torchkeep/runtime/kernels/elementwise.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Clip final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const float low = TRY(bound(builder, 1, std::numeric_limits<float>::lowest()));
    const float high = TRY(bound(builder, 2, std::numeric_limits<float>::max()));
    return plan_function(builder, dnn::EltwiseKind::Clip, low, high, low <= 0 && high >= 0);
  }

 private:
  static Result<float> bound(const plan::Builder& builder, std::size_t index, float otherwise) {
    if (!builder.has_input(index)) return otherwise;
    const plan::Operand& input = builder.input(index);
    if (!input.constant || input.dtype != DataType::Float32 || input.constant->bytes().size() != sizeof(float)) {
      return malformed("bound ", index, " is not one constant FP32 number, which is what is supported");
    }
    return input.constant->elements<float>()[0];
  }
};

}  // namespace

Result<KernelPointer> make_clip(NodeReader&) { return std::make_unique<Clip>(); }

}  // namespace torchkeep::runtime::kernels
