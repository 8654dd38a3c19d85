#include "torchkeep/runtime/kernels/epilogue.h"

#include "torchkeep/runtime/kernels/broadcast.h"

namespace torchkeep::runtime::kernels {

dnn::Epilogue epilogue_of(const plan::Builder& builder) {
  dnn::Epilogue epilogue;
  epilogue.residual = builder.has_residual();
  const graph::Activation& activation = builder.activation();
  using Kind = graph::Activation::Kind;
  switch (activation.kind) {
    case Kind::None: break;
    case Kind::Relu: epilogue.relu = true; break;
    case Kind::Clip: epilogue.clip = {activation.low, activation.high}; break;
    case Kind::Gelu: epilogue.curve = dnn::Curve::Gelu; break;
    case Kind::GeluByTanh: epilogue.curve = dnn::Curve::GeluByTanh; break;
    case Kind::Swish: epilogue.curve = dnn::Curve::Swish; break;
    case Kind::HardSwish: epilogue.curve = dnn::Curve::HardSwish; break;
  }
  return epilogue;
}

bool residual_fits(const plan::Builder& builder, const Shape& shape, DataType dtype) {
  return !builder.has_residual() ||
         (builder.residual().dtype == dtype && builder.residual().shape == shape);
}

Result<plan::BufferId> write_output(plan::Builder& builder, Shape shape, const dnn::Layout& layout,
                                    DataType dtype) {
  if (!builder.has_residual()) return builder.write(0, dtype, std::move(shape), layout);
  TORCHKEEP_CHECK(residual_fits(builder, shape, dtype));
  const dnn::Layout from = builder.residual().layout;
  if (from == layout && builder.may_overwrite_residual())
    return builder.write_over_residual(0, std::move(shape));
  const plan::BufferId source = TRY(builder.read_residual(from));
  const plan::BufferId output = TRY(builder.write(0, dtype, shape, layout));
  TRY(builder.step({source, output},
                   TRY(dnn::make_reorder(builder.machine(), shape, from, layout, dtype))));
  return output;
}

Result<void> add_residual_apart(plan::Builder& builder, const Shape& shape,
                                const dnn::Layout& layout, plan::BufferId result) {
  const plan::Operand& residual = builder.residual();
  if (residual.dtype != DataType::Float32) {
    return malformed("the result cannot be added to ", name_of(residual.dtype));
  }
  const Shape output = TRY(broadcast_shapes(shape, residual.shape));
  const Broadcast walk(shape, residual.shape, output);
  const plan::BufferId right = TRY(builder.read_residual());
  plan::BufferId left = result;
  if (!layout.is_plain()) {
    left = TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape))));
    TRY(builder.step({result, left}, TRY(dnn::make_reorder(builder.machine(), shape, layout, {}))));
  }
  const graph::Activation activation = builder.activation();
  builder.step({left, right, TRY(builder.write(0, DataType::Float32, output))},
               [walk, activation](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                 const auto* first = reinterpret_cast<const float*>(memory[0]);
                 const auto* second = reinterpret_cast<const float*>(memory[1]);
                 auto* to = reinterpret_cast<float*>(memory[2]);
                 for (std::size_t row = 0; row < walk.rows(); ++row) {
                   const auto [one, other] = walk.start_of(row);
                   for (std::size_t i = 0; i < walk.columns(); ++i) {
                     *to++ = activation.apply(first[one + i * walk.left_step()] +
                                              second[other + i * walk.right_step()]);
                   }
                 }
                 return {};
               });
  return {};
}

Result<void> expect_float(const plan::Builder& builder, std::size_t input) {
  const DataType dtype = builder.input(input).dtype;
  if (dtype == DataType::Float32) return {};
  return malformed("input ", input, " is ", name_of(dtype), ", supported is FP32");
}

}  // namespace torchkeep::runtime::kernels
