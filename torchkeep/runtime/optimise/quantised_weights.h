#pragma once

#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {

/// Weights as the engine multiplies with them: Int8 around 0, one scale or one for each channel.
struct QuantisedWeights {
  graph::ValueId numbers = graph::kLeftOut, scales = graph::kLeftOut;
};

/// Weights, their scales and zero points, as three values of a node.
struct WrittenWeights {
  graph::ValueId numbers = graph::kLeftOut, scales = graph::kLeftOut, zeros = graph::kLeftOut;
  std::size_t axis = 0;     ///< Along which each index is a channel.
  bool transposed = false;  ///< A matrix that is wanted the other way round.
  bool is_last = false;     ///< Nobody else reads the numbers.
};

/// Adds parameters to the graph where they must lie or count otherwise: UInt8 around 128, and
/// transposed matrices; 4 bits become 8. What was copied, and is read by nobody else, is let go of.
/// None if zero points are others or scales do not fit.
/// Errors: Unavailable if memory is short.
Result<std::optional<QuantisedWeights>> take_weights(graph::Graph& graph, WrittenWeights written);

}  // namespace torchkeep::runtime::optimise
