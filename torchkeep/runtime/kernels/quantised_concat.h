#pragma once

#include "torchkeep/runtime/kernels/registry.h"

namespace torchkeep::runtime::kernels {

/// Of a Concat that the optimiser marked as one of quantised numbers.
/// Errors: Malformed if the mark has no output.
Result<KernelPointer> make_quantised_concat(const graph::Quantised& mark, std::int64_t axis);

}  // namespace torchkeep::runtime::kernels
