// Cast-6 to Cast-21, between the types that the engine holds:
// https://onnx.ai/onnx/operators/onnx__Cast.html
// CastLike-15 to CastLike-21: https://onnx.ai/onnx/operators/onnx__CastLike.html
#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

using AllTypes =
    Types<float, double, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint8_t,
          std::uint16_t, std::uint32_t, std::uint64_t, Truth, Half, Bfloat16>;

Result<plan::Action> action_of(DataType from, DataType to, std::size_t count) {
  Result<plan::Action> inner = plan::Action();
  TRY(action_for(AllTypes(), from, [&]<typename From>() {
    inner = action_for(AllTypes(), to, [&]<typename To>() {
      return map_action<From, To>(count, [](From value) { return convert<To>(value); });
    });
    return plan::Action();
  }));
  return inner;
}

Result<void> plan_cast(plan::Builder& builder, DataType to) {
  const plan::Operand& input = builder.input(0);
  if (input.dtype == to) return builder.view(0, 0, input.shape);
  plan::Action action = TRY(action_of(input.dtype, to, TRY(element_count(input.shape))));
  const Shape shape = input.shape;
  const plan::BufferId from = TRY(builder.read(0));
  builder.step({from, TRY(builder.write(0, to, shape))}, std::move(action));
  return {};
}

class Cast final : public Kernel {
 public:
  explicit Cast(DataType to) : to_(to) {}
  bool takes_halves() const override { return true; }
  Result<void> plan(plan::Builder& builder) override { return plan_cast(builder, to_); }

 private:
  DataType to_;
};

class CastLike final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  Result<void> plan(plan::Builder& builder) override {
    return plan_cast(builder, builder.input(1).dtype);
  }
};

}  // namespace

Result<KernelPointer> make_cast(NodeReader& node) {
  node.ignore("saturate");  // of 8 bit floats
  return std::make_unique<Cast>(TRY(data_type_of(TRY(node.int_or("to", 0)))));
}
Result<KernelPointer> make_cast_like(NodeReader& node) {
  node.ignore("saturate");
  return std::make_unique<CastLike>();
}

}  // namespace torchkeep::runtime::kernels
