// Equal, Greater, Less, GreaterOrEqual, LessOrEqual, versions 1 to 19:
// https://onnx.ai/onnx/operators/onnx__Equal.html and the others' pages beside it.
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename F>
class Comparison final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    return plan_spread(
        builder, NumberTypes(), DataType::Bool, []<typename T>(const Broadcast& walk) {
          return spread<T, Truth>(walk, [](T left, T right) { return Truth{F()(left, right)}; });
        });
  }
};

class Equal final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    if (builder.input(0).dtype != DataType::Bool) return numbers_.plan(builder);
    return plan_spread(
        builder, Types<Truth>(), DataType::Bool, []<typename T>(const Broadcast& walk) {
          return spread<T, Truth>(
              walk, [](Truth left, Truth right) { return Truth{is_true(left) == is_true(right)}; });
        });
  }

 private:
  Comparison<std::equal_to<>> numbers_;
};

}  // namespace

Result<KernelPointer> make_equal(NodeReader&) { return std::make_unique<Equal>(); }
Result<KernelPointer> make_greater(NodeReader&) {
  return std::make_unique<Comparison<std::greater<>>>();
}
Result<KernelPointer> make_greater_or_equal(NodeReader&) {
  return std::make_unique<Comparison<std::greater_equal<>>>();
}
Result<KernelPointer> make_less(NodeReader&) { return std::make_unique<Comparison<std::less<>>>(); }
Result<KernelPointer> make_less_or_equal(NodeReader&) {
  return std::make_unique<Comparison<std::less_equal<>>>();
}

}  // namespace torchkeep::runtime::kernels
