// PRelu-1 to PRelu-16: https://onnx.ai/onnx/operators/onnx__PRelu.html
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

class PRelu final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const Shape& slope = builder.input(1).shape;
    if (TRY(broadcast_shapes(input, slope)) != input)
      return malformed("a slope of shape ", describe(slope), " does not fit ", describe(input));
    return plan_spread(builder, FloatTypes(), std::nullopt, []<typename T>(const Broadcast& walk) {
      return spread<T, T>(walk, [](T value, T factor) {
        return value < T{0} ? static_cast<T>(value * factor) : value;
      });
    });
  }
};

}  // namespace

Result<KernelPointer> make_p_relu(NodeReader&) { return std::make_unique<PRelu>(); }

}  // namespace torchkeep::runtime::kernels
