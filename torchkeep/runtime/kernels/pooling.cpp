#include "torchkeep/runtime/kernels/pooling.h"

#include "torchkeep/runtime/kernels/epilogue.h"

namespace torchkeep::runtime::kernels {

Result<Shape> spatial_shape_of_any(const plan::Builder& builder) {
  const Shape& input = builder.input(0).shape;
  if (input.size() < 3 || input.size() > 5) {
    return malformed("an input of shape ", describe(input), " has not 1 to 3 spatial dimensions");
  }
  return Shape(input.begin() + 2, input.end());
}

Result<Shape> spatial_shape(const plan::Builder& builder, bool quantised) {
  const DataType dtype = builder.input(0).dtype;
  if (!quantised) TRY(expect_float(builder, 0));
  if (quantised && dtype != DataType::UInt8 && dtype != DataType::Int8)
    return malformed("input 0 is ", name_of(dtype), ", its scale says UINT8 or INT8");
  return spatial_shape_of_any(builder);
}

Result<PlacedWindow> whole_window(const plan::Builder& builder, bool quantised) {
  Window window;
  window.kernel = TRY(spatial_shape(builder, quantised));
  return place_window(window, {}, window.kernel);
}

Result<void> plan_pooling(plan::Builder& builder, dnn::PoolKind kind, const PlacedWindow& window) {
  const plan::Operand& input = builder.input(0);
  dnn::Pooling pooling{kind,
                       input.shape,
                       {input.shape[0], input.shape[1]},
                       window.kernel,
                       window.strides,
                       window.dilations,
                       window.pads_begin,
                       window.pads_end,
                       input.dtype};
  pooling.output.insert(pooling.output.end(), window.output.begin(), window.output.end());
  TRY(element_count(pooling.output));
  dnn::Layout layout = input.layout;
  // Of bytes channel by channel oneDNN has its reference loops alone, 40 times slower.
  if (input.dtype != DataType::Float32 && layout.is_plain())
    layout = dnn::channels_last(input.shape, input.dtype);
  dnn::Planned planned = TRY(dnn::make_pooling(builder.machine(), pooling, layout));
  std::vector<plan::BufferId> buffers{TRY(builder.read(0, planned.input))};
  buffers.push_back(TRY(builder.write(0, input.dtype, pooling.output, planned.output)));
  return builder.step(std::move(buffers), std::move(planned.primitive));
}

}  // namespace torchkeep::runtime::kernels
