#pragma once

#include "torchkeep/runtime/kernels/tiles.h"
#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// Adds steps that multiply tiles: one, or where the inputs are more than a cache holds one for
/// each slice of them. `buffers`: input, weights, bias if `biased`, output.
void plan_tiles(plan::Builder& builder, const Tiles& tiles, bool biased,
                const std::vector<plan::BufferId>& buffers);

}  // namespace torchkeep::runtime::kernels
