#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// Convolutions by the loop of tiles. oneDNN's kernels keep weights in the cache while they walk
/// over a large picture; where the picture is small, as in a network's last stages, most of the
/// time goes into waiting for weights, which the loop fetches ahead.
namespace torchkeep::runtime::kernels {

/// Whether the loop can do it: floats, one group, whole blocks of channels.
bool goes_into_tiles(const dnn::Convolution& convolution);

/// Whether the loop is faster than oneDNN, for all that was measured (docs/performance.md).
bool is_better_in_tiles(const dnn::Convolution& convolution);

/// The layouts that the loop wants for a picture that lies so now: channels last stay last, all
/// else comes in blocks of channels. There is no primitive.
dnn::Planned tiled_layouts(const dnn::Convolution& convolution, const dnn::Layout& input);

/// Adds the step. `buffers`: input, weights, bias if there is one, output, in the layouts that
/// `planned` says; with a residual, which the output's memory holds already.
void plan_tiled_convolution(plan::Builder& builder, const dnn::Convolution& convolution,
                            const dnn::Planned& planned, const graph::Activation& activation,
                            std::vector<plan::BufferId> buffers);

}  // namespace torchkeep::runtime::kernels
