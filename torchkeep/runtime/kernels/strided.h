#pragma once

#include "torchkeep/runtime/kernels/types.h"

/// Copies whose every element comes from a place that its indices tell by a sum of products:
/// slices, transpositions, tilings, expansions.
namespace torchkeep::runtime::kernels {

/// Element [i, j, ...] of the row-major result is element start + i * strides[0] + j * strides[1]
/// ... of the source.
struct StridedCopy {
  Shape shape;                        ///< Of the result; any rank.
  std::vector<std::int64_t> strides;  ///< In elements; 0 repeats, below 0 walks backwards.
  std::int64_t start = 0;
};

/// The strides of a row-major tensor.
std::vector<std::int64_t> row_major_strides(const Shape& shape);

/// Memory order: source, result.
plan::Action strided_action(DataType dtype, const StridedCopy& copy);

/// Adds the copy from input 0 to output `index`, whose shape may be written in another rank.
Result<void> plan_strided(plan::Builder& builder, const StridedCopy& copy, Shape output,
                          std::size_t index = 0);

}  // namespace torchkeep::runtime::kernels
