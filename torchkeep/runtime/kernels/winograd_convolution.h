#pragma once

#include "torchkeep/runtime/kernels/packed.h"

/// Convolutions of 3 by 3 with fewer products than they are defined by (winograd.h).
namespace torchkeep::runtime::kernels {

/// Whether the loop can do it, whatever the sizes of the picture: floats, one group, windows of 3
/// by 3 at each place, whole blocks of channels.
bool fits_winograd(const dnn::Convolution& convolution);

/// Whether it is faster than the definition, for all that was measured (docs/performance.md).
bool is_better_by_winograd(const dnn::Convolution& convolution);

/// By how many bytes the filters grow: sixteen numbers stand for nine.
std::uint64_t winograd_growth(const dnn::Convolution& convolution);

/// The filters in the form that the loop wants; packed at the first call.
Result<plan::BufferId> read_winograd_filters(plan::Builder& builder, Packed& packed);

/// Adds the step. `buffers`: input, filters, bias if there is one, output, in the layouts of
/// `planned`; with a residual, which the output's memory holds already.
Result<void> plan_winograd(plan::Builder& builder, const dnn::Convolution& convolution,
                           const dnn::Planned& planned, const graph::Activation& activation,
                           std::vector<plan::BufferId> buffers);

}  // namespace torchkeep::runtime::kernels
