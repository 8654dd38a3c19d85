#pragma once

#include "torchkeep/runtime/kernels/integer_product.h"

namespace torchkeep::runtime::kernels {

/// Which inputs of a node a product of quantised matrices is made of.
struct IntegerMatMul {
  std::size_t left = 0, right = 1;
  std::optional<std::size_t> left_zero, right_zero;  ///< None: the zero points are 0.
};

/// Sums as int64, [batches, rows, columns], and the shape that they stand for.
struct IntegerSums {
  plan::BufferId sums;
  Shape output;
  std::size_t batches = 1, rows = 1, columns = 1;
};

/// Adds the steps of left x right, shapes being as MatMul's.
/// Errors: Malformed for types, shapes and zero points that do not fit.
Result<IntegerSums> plan_integer_mat_mul(plan::Builder& builder, const IntegerMatMul& wanted);

}  // namespace torchkeep::runtime::kernels
