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

/// Adds the step of a product with one row, unless the weights lie in another way than panels.
/// `buffers`: input, weights, bias if `biased`, output; with a residual, which the output's memory
/// holds already. What was fused onto the node is done too. True if the step was added.
bool plan_row_product(plan::Builder& builder, const Shape& weights, const dnn::Layout& layout,
                      bool biased, float scale, const std::vector<plan::BufferId>& buffers);

}  // namespace torchkeep::runtime::kernels
