#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// Lookups in tables that lie as products with them like it.
namespace torchkeep::runtime::kernels {

/// Of a Gather that the optimiser marked as one of quantised rows.
/// Errors: Malformed if its parameters are none such.
Result<KernelPointer> make_stored_rows(NodeReader& node);
/// Of a Gather whose table of floats the optimiser marked as lying in panels.
Result<KernelPointer> make_table_rows(NodeReader& node);

}  // namespace torchkeep::runtime::kernels
