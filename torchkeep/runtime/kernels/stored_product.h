#pragma once

#include "torchkeep/runtime/kernels/byte_panels.h"
#include "torchkeep/runtime/kernels/registry.h"

namespace torchkeep::runtime::kernels {

/// Of a MatMul that the optimiser marked as one of floats with quantised weights.
/// Errors: Malformed if its parameters are none such.
Result<KernelPointer> make_stored_product(NodeReader& node);

/// Parameters that stand in panels already, since several nodes read them: a node's attribute
/// `panels` says how, which no file can. Errors: Malformed if the inputs `numbers` and `factors`
/// are none such.
Result<BytePanels> read_panels(NodeReader& node, std::size_t numbers, std::size_t factors);

}  // namespace torchkeep::runtime::kernels
