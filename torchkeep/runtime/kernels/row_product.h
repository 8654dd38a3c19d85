#pragma once

#include "torchkeep/runtime/kernels/panels.h"
#include "torchkeep/runtime/plan/builder.h"

/// One row times a matrix, as decoding a token wants it: nothing is read twice, so all that counts
/// is that the weights are read in the order in which they lie.
namespace torchkeep::runtime::kernels {

struct RowProduct {
  std::size_t inner = 0;    ///< Rows of the weights.
  std::size_t columns = 0;  ///< Those of the last panel beyond it are there, and are not written.
  std::size_t panel_floats = 0;  ///< From one panel to the next.
  float scale = 1;
};

/// to[j] = scale * sum of x[i] * weights[i][j], plus bias[j] unless `bias` is null, plus to[j] if
/// `add`. Of panels `first` to `last`.
void multiply_row(const RowProduct& product, const float* x, const float* weights,
                  const float* bias, bool add, float* to, std::size_t first, std::size_t last);

/// Adds the step of a product with one row, whose weights lie in panels. `buffers`: input, weights,
/// bias if the product has one, output; with a residual, which the output's memory holds already.
void plan_row_product(plan::Builder& builder, const dnn::MatMul& product,
                      std::uint64_t panel_floats, const graph::Activation& activation,
                      std::vector<plan::BufferId> buffers);

}  // namespace torchkeep::runtime::kernels
