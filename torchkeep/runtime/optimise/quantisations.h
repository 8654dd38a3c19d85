#pragma once

#include "torchkeep/runtime/optimise/patterns.h"

/// What passes ask of QuantizeLinear and DequantizeLinear nodes.
namespace torchkeep::runtime::optimise {

inline bool is_standard(const graph::Node& node, std::string_view op) {
  return node.op == op && node.domain.empty();
}

/// What a float and an 8 bit number that are parameters stand for together.
/// None if they are no parameters, not one number each, of other types, or no scale can be so.
std::optional<graph::Quantisation> find_quantisation(const graph::Graph& graph,
                                                     graph::ValueId scale, graph::ValueId zero);

/// That of a QuantizeLinear or DequantizeLinear with one scale for all, whose zero point is there:
/// it tells the type. None for any other node.
std::optional<graph::Quantisation> find_quantisation(const graph::Graph& graph,
                                                     const graph::Node& node);

/// A DequantizeLinear that makes a value, and the numbers that it reads.
struct Dequantised {
  graph::ValueId numbers = graph::kLeftOut;
  graph::Quantisation quantisation;
};
std::optional<Dequantised> find_dequantised(const graph::Graph& graph, const Chains& chains,
                                            graph::ValueId value);

}  // namespace torchkeep::runtime::optimise
