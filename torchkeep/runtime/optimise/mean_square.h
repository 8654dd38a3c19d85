#pragma once

#include "torchkeep/runtime/optimise/patterns.h"

/// The pieces that normalisations which are written out have in common.
namespace torchkeep::runtime::optimise {

/// The node that makes `value` as the mean over the last dimension, which stays as 1.
inline std::optional<std::size_t> find_mean(const graph::Graph& graph, const Patterns& patterns,
                                            graph::ValueId value) {
  const auto maker = patterns.maker_of(value, "ReduceMean");
  if (!maker) return std::nullopt;
  const graph::Node& node = patterns.node(*maker);
  const graph::Attribute* keeps = find_attribute(node, "keepdims");
  if (keeps != nullptr && keeps->i != 1) return std::nullopt;
  if (const graph::Attribute* axes = find_attribute(node, "axes"); axes != nullptr)
    return axes->ints == std::vector<std::int64_t>{-1} ? maker : std::nullopt;
  if (node.inputs.size() < 2 || node.inputs[1] == graph::kLeftOut) return std::nullopt;
  const auto& constant = graph.values[node.inputs[1]].constant;
  if (!constant) return std::nullopt;
  const auto axes = graph::to_ints(*constant);
  return axes && *axes == std::vector<std::int64_t>{-1} ? maker : std::nullopt;
}

/// The node that makes `value` as the square of `of`, and how many times it reads that.
inline std::optional<std::pair<std::size_t, std::uint32_t>> find_square(const Patterns& patterns,
                                                                        graph::ValueId value,
                                                                        graph::ValueId of) {
  if (const auto power = patterns.maker_of(value, "Pow")) {
    const graph::Node& node = patterns.node(*power);
    if (node.inputs[0] == of && patterns.is_number(node.inputs[1], 2)) return std::pair{*power, 1U};
  }
  if (const auto product = patterns.maker_of(value, "Mul")) {
    const graph::Node& node = patterns.node(*product);
    if (node.inputs[0] == of && node.inputs[1] == of) return std::pair{*product, 2U};
  }
  return std::nullopt;
}

/// A parameter with a number for each place of the last dimension.
inline bool is_vector(const graph::Graph& graph, graph::ValueId value) {
  if (value == graph::kLeftOut) return false;
  const auto& constant = graph.values[value].constant;
  return constant && constant->dtype() == DataType::Float32 && constant->shape().size() == 1;
}

/// A normalisation: what it is of, its parameters, and the nodes before its last one, which it
/// takes the place of.
struct Normalization {
  graph::ValueId of = graph::kLeftOut, scale = graph::kLeftOut, shift = graph::kLeftOut;
  float epsilon = 0;
  std::vector<std::size_t> nodes;
};

/// `value` is a mean of squares and a small number: notes that number and the two nodes, and
/// returns what the mean is of.
inline std::optional<graph::ValueId> take_mean_and_epsilon(const graph::Graph& graph,
                                                           const Patterns& patterns,
                                                           graph::ValueId value,
                                                           Normalization& found) {
  const auto sum = patterns.maker_of(value, "Add");
  if (!sum) return std::nullopt;
  const auto mean = patterns.other_side(patterns.node(*sum), [&](graph::ValueId side) {
    found.epsilon = patterns.find_number(side).value_or(-1);
    return found.epsilon >= 0;
  });
  const auto maker = mean ? find_mean(graph, patterns, *mean) : std::nullopt;
  if (!maker) return std::nullopt;
  found.nodes.insert(found.nodes.end(), {*sum, *maker});
  return patterns.node(*maker).inputs[0];
}

/// Makes each node that `find` knows as the last of a normalisation the operator `op`.
template <typename F>
void take_normalizations(graph::Graph& graph, std::string_view op, const F& find) {
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Normalization> found = find(i);
    if (!found) continue;
    graph::Attribute epsilon;
    epsilon.name = "epsilon";
    epsilon.type = graph::AttributeType::Float;
    epsilon.f = found->epsilon;
    graph::Node& node = graph.nodes[i];
    node.op = op;
    node.recognised = true;
    node.inputs = {found->of, found->scale};
    if (found->shift != graph::kLeftOut) node.inputs.push_back(found->shift);
    node.attributes = {epsilon};
    for (const std::size_t taken : found->nodes) dropped[taken] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
