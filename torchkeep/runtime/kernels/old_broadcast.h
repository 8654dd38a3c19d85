#pragma once

#include "torchkeep/runtime/kernels/registry.h"

namespace torchkeep::runtime::kernels {

/// Before operator set 7, the right side of a binary operator was spread by attributes: `broadcast`
/// allows it, `axis` is the dimension of the left side that its first one stands for (by default
/// its last ones stand for the last). A PRelu's slopes were those of the channels. Returns `kernel`
/// for such a node of an old model, in its place.
/// Errors: Malformed for an attribute of the wrong type.
/// Source: ONNX operators Add-6 and its neighbours, PRelu-6.
Result<KernelPointer> with_old_broadcast(NodeReader& node, KernelPointer kernel);

}  // namespace torchkeep::runtime::kernels
