#include "torchkeep/runtime/kernels/elementwise.h"

#include "torchkeep/runtime/kernels/epilogue.h"

namespace torchkeep::runtime::kernels {
namespace {

class Function final : public Kernel {
 public:
  Function(dnn::EltwiseKind kind, float alpha, float beta, bool keeps_zero)
      : kind_(kind), alpha_(alpha), beta_(beta), keeps_zero_(keeps_zero) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_function(builder, kind_, alpha_, beta_, keeps_zero_);
  }

 private:
  dnn::EltwiseKind kind_;
  float alpha_, beta_;
  bool keeps_zero_;
};

}  // namespace

Result<void> plan_function(plan::Builder& builder, dnn::EltwiseKind kind, float alpha, float beta,
                           bool keeps_zero) {
  TRY(expect_float(builder, 0));
  const Shape shape = builder.input(0).shape;
  dnn::Layout layout = builder.input(0).layout;
  if (layout.is_padded() && !keeps_zero) layout = {};
  dnn::Planned planned =
      TRY(dnn::make_eltwise(builder.machine(), kind, alpha, beta, shape, layout));
  const bool in_place = layout == builder.input(0).layout && builder.may_overwrite(0);
  const plan::BufferId input = TRY(builder.read(0, layout));
  const plan::BufferId output = in_place ? builder.write_over(0, 0, DataType::Float32, shape)
                                         : TRY(builder.write(0, DataType::Float32, shape, layout));
  return builder.step({input, output}, std::move(planned.primitive));
}

KernelPointer make_function(dnn::EltwiseKind kind, float alpha, float beta, bool keeps_zero) {
  return std::make_unique<Function>(kind, alpha, beta, keeps_zero);
}

}  // namespace torchkeep::runtime::kernels
