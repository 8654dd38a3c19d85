#pragma once

#include "torchkeep/runtime/kernels/integer_conv.h"
#include "torchkeep/runtime/kernels/registry.h"

namespace torchkeep::runtime::kernels {

/// Of a ConvInteger whose weights and their zero points are parameters, which oneDNN convolves
/// exactly. Null where it does not, or these do not fit each other.
/// Errors: Unavailable if memory is short.
Result<KernelPointer> make_packed_conv_integer(const NodeReader& node, const IntegerConv& conv);

}  // namespace torchkeep::runtime::kernels
