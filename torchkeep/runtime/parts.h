#pragma once

#include <string>
#include <vector>

#include "torchkeep/runtime/graph/graph.h"

/// What of a graph one call runs: all of it, or one of the operators that an owner let callers ask
/// one by one. Grammar of their names: docs/formats/payload.md, "Operators".
namespace torchkeep::runtime {

/// Stands between an operator's name and its port's: "layer1.0.conv1:input".
inline constexpr char kPortMark = ':';

/// *Immutable.*
struct Part {
  std::string name;  ///< Empty for a whole graph.
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::vector<std::size_t> input_places;   ///< Of each input, among the graph's.
  std::vector<std::size_t> output_places;  ///< Of each output, among the graph's.
  std::vector<std::size_t> nodes;          ///< That the outputs need, in an order to run them in.
};

/// All of it, the ports named as the graph names them.
Part whole_part(const graph::Graph& graph);

/// The operators, by name, their ports named without it. No operator reads another's inputs, so a
/// call computes from what it was given and from parameters alone. `graph` still holds all its
/// constants.
/// Errors: Malformed, naming the port that belongs to no operator or is read by another one.
Result<std::vector<Part>> split_operators(const graph::Graph& graph);

}  // namespace torchkeep::runtime
