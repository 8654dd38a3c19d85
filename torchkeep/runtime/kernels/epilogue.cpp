#include "torchkeep/runtime/kernels/epilogue.h"

#include <cstring>

namespace torchkeep::runtime::kernels {

dnn::Epilogue epilogue_of(const plan::Builder& builder) {
  dnn::Epilogue epilogue;
  epilogue.residual = builder.has_residual();
  const graph::Activation& activation = builder.activation();
  if (activation.kind == graph::Activation::Kind::Relu) epilogue.relu = true;
  if (activation.kind == graph::Activation::Kind::Clip) epilogue.clip = {activation.low, activation.high};
  return epilogue;
}

Result<plan::BufferId> write_output(plan::Builder& builder, Shape shape, const dnn::Layout& layout) {
  if (!builder.has_residual()) return builder.write(0, DataType::Float32, std::move(shape), layout);
  const plan::Operand& residual = builder.residual();
  if (residual.dtype != DataType::Float32 || residual.shape != shape) {
    return malformed("the result of shape ", describe(shape), " cannot be added to ", name_of(residual.dtype), " of shape ",
                     describe(residual.shape));
  }
  if (residual.layout == layout && builder.may_overwrite_residual()) {
    return builder.write_over_residual(0, std::move(shape));
  }
  const dnn::Layout from = residual.layout;
  const plan::BufferId source = TRY(builder.read_residual(from));
  const plan::BufferId output = TRY(builder.write(0, DataType::Float32, shape, layout));
  TRY(builder.step({source, output}, TRY(dnn::make_reorder(builder.machine(), shape, from, layout))));
  return output;
}

Result<void> expect_float(const plan::Builder& builder, std::size_t input) {
  const DataType dtype = builder.input(input).dtype;
  if (dtype == DataType::Float32) return {};
  return malformed("input ", input, " is ", name_of(dtype), ", supported is FP32");
}

}  // namespace torchkeep::runtime::kernels
