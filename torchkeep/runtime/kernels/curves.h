#pragma once

#include <span>

#include "torchkeep/runtime/graph/graph.h"

/// The activations that the optimiser fuses onto nodes, for the kernels that do not leave them to
/// oneDNN.
namespace torchkeep::runtime::kernels {

/// Bends each number where it lies.
void bend(const graph::Activation& activation, std::span<float> values);

}  // namespace torchkeep::runtime::kernels
