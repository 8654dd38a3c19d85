#include "torchkeep/runtime/kernels/elementwise.h"

#include "torchkeep/runtime/kernels/epilogue.h"

namespace torchkeep::runtime::kernels {
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

}  // namespace torchkeep::runtime::kernels
