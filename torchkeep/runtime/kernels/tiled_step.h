#pragma once

#include "torchkeep/runtime/kernels/tiles.h"
#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// Adds a step that multiplies tiles. `buffers`: input, weights, bias if `biased`, output.
void plan_tiles(plan::Builder& builder, Tiles tiles, bool biased,
                std::vector<plan::BufferId> buffers);

}  // namespace torchkeep::runtime::kernels
