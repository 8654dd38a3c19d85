#pragma once

#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/kernels/window.h"

/// What MaxPool, AveragePool and their global forms share.
namespace torchkeep::runtime::kernels {

/// Adds the pooling of input 0 to output 0, in the layout that the input has.
Result<void> plan_pooling(plan::Builder& builder, dnn::PoolKind kind, const PlacedWindow& window);
/// The window that covers all spatial dimensions of input 0. Errors: Malformed.
/// `quantised`: as spatial_shape.
Result<PlacedWindow> whole_window(const plan::Builder& builder, bool quantised);
/// The spatial dimensions of input 0, which is float32 or, if the node is marked `quantised`, of 8
/// bits.
/// Errors: Malformed if it is not, or if there are fewer than 1 or more than 3.
Result<Shape> spatial_shape(const plan::Builder& builder, bool quantised);
/// The same for an input of any type.
Result<Shape> spatial_shape_of_any(const plan::Builder& builder);

}  // namespace torchkeep::runtime::kernels
