#pragma once

#include "torchkeep/runtime/kernels/packed.h"

/// How a matrix of parameters is multiplied with: by a loop of our own where one suits, which needs
/// no primitive, or by oneDNN.
namespace torchkeep::runtime::kernels {

/// The layout of the weights for the loop of our own that does this product, none if oneDNN shall.
/// With one row, weights that lie in panels already stay as they are.
std::optional<dnn::Layout> layout_by_hand(const dnn::MatMul& product, const Packed& weights);

/// Adds the step of a product whose weights lie in panels. `buffers`: input, weights, bias if there
/// is one, output; with a residual, which the output's memory holds already. What was fused onto
/// the node is done too unless `bends` is false.
void plan_by_hand(plan::Builder& builder, const dnn::MatMul& product, const dnn::Layout& layout,
                  bool bends, std::vector<plan::BufferId> buffers);

}  // namespace torchkeep::runtime::kernels
