#pragma once

#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// Element [i, j, ...] of a result is the sum, over all [s, t, ...], of the products of one element
/// of each input, whose place is the sum of its strides times the indices.
struct EinsumSum {
  Shape kept, summed;
  std::vector<std::vector<std::int64_t>> kept_strides, summed_strides;  ///< Of each input.
};

/// Adds the step that makes output 0. Integers wrap around, floats are summed as double.
/// Errors: Malformed for elements that cannot be multiplied.
Result<void> plan_einsum_sum(plan::Builder& builder, const EinsumSum& sum);

}  // namespace torchkeep::runtime::kernels
