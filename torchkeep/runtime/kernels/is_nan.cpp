// IsNaN-9 to IsNaN-20, IsInf-10, IsInf-20: https://onnx.ai/onnx/operators/onnx__IsNaN.html
#include <cmath>

#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename F>
class Question final : public Kernel {
 public:
  explicit Question(F f) : f_(f) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& input = builder.input(0);
    const std::size_t count = extent(input.shape, 0, input.shape.size());
    plan::Action action = TRY(action_for(FloatTypes(), input.dtype, [&]<typename T>() {
      return map_action<T, Truth>(count, [f = f_](T x) { return Truth{f(x)}; });
    }));
    return plan_map_step(builder, std::move(action), DataType::Bool);
  }

 private:
  F f_;
};

template <typename F>
KernelPointer make_question(F f) {
  return std::make_unique<Question<F>>(f);
}

}  // namespace

Result<KernelPointer> make_is_nan(NodeReader&) {
  return make_question([](auto x) { return std::isnan(x); });
}
Result<KernelPointer> make_is_inf(NodeReader& node) {
  const bool negative = TRY(node.int_or("detect_negative", 1)) != 0;
  const bool positive = TRY(node.int_or("detect_positive", 1)) != 0;
  return make_question(
      [=](auto x) { return std::isinf(x) && ((x < 0 && negative) || (x > 0 && positive)); });
}

}  // namespace torchkeep::runtime::kernels
