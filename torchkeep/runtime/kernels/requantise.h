#pragma once

#include "torchkeep/runtime/kernels/integer_product.h"

namespace torchkeep::runtime::kernels {

/// Exact sums of quantised products, [planes, rows, columns], that become quantised numbers again:
/// y = sum * left_scale * right_scale / y_scale, rounded to the nearest, ties to even, + the zero
/// point, saturated. Inputs are the node's. Source: ONNX operators QLinearMatMul-10,
/// QLinearConv-10.
struct Requantise {
  std::size_t planes = 1, rows = 1, columns = 1;
  std::size_t row_scale = 0;     ///< One number, or one for each row.
  std::size_t column_scale = 0;  ///< One number, or one for each column.
  std::size_t scale = 0,
              zero = 0;  ///< Of the result: one number each; the zero point tells its type.
  std::optional<std::size_t> row_bias;  ///< int32, in units of the sums.
};

/// Adds the step that writes output 0. Errors: Malformed for types and shapes that do not fit.
Result<void> plan_requantise(plan::Builder& builder, const Requantise& wanted, plan::BufferId sums,
                             const Shape& output);

}  // namespace torchkeep::runtime::kernels
