#pragma once

#include "torchkeep/runtime/kernels/registry.h"

namespace torchkeep::runtime::kernels {

/// Of a MatMul that the optimiser marked as one of floats with quantised weights.
/// Errors: Malformed if its parameters are none such.
Result<KernelPointer> make_stored_product(NodeReader& node);

}  // namespace torchkeep::runtime::kernels
