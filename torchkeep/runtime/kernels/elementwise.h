#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// Operators that look at one element at a time, or one of each side.
namespace torchkeep::runtime::kernels {

/// Adds oneDNN's function of input 0, in the layout and, where nobody minds, the memory of the
/// input. `keeps_zero`: the function of 0 is 0, so that a layout's padding stays as it must.
Result<void> plan_function(plan::Builder& builder, dnn::EltwiseKind kind, float alpha, float beta,
                           bool keeps_zero);

}  // namespace torchkeep::runtime::kernels
