#pragma once

#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/optimise/chains.h"

/// What passes ask that look for something written out in several nodes.
namespace torchkeep::runtime::optimise {

/// Null if the node has none of this name.
inline const graph::Attribute* find_attribute(const graph::Node& node, std::string_view name) {
  const auto found = std::ranges::find(node.attributes, name, &graph::Attribute::name);
  return found == node.attributes.end() ? nullptr : &*found;
}

inline std::int64_t int_of(const graph::Node& node, std::string_view name, std::int64_t otherwise) {
  const graph::Attribute* found = find_attribute(node, name);
  return found == nullptr ? otherwise : found->i;
}
inline float float_of(const graph::Node& node, std::string_view name, float otherwise) {
  const graph::Attribute* found = find_attribute(node, name);
  return found == nullptr ? otherwise : found->f;
}

/// *A view of a graph as it was.*
class Patterns : public Chains {
 public:
  explicit Patterns(const graph::Graph& graph)
      : Chains(graph), graph_(graph), uses_(graph.count_uses()) {}

  const graph::Node& node(std::size_t index) const { return graph_.nodes[index]; }
  std::uint32_t uses(graph::ValueId value) const { return uses_[value]; }

  /// The node of this operator that makes `value` for one reader.
  std::optional<std::size_t> maker_of(graph::ValueId value, std::string_view op) const {
    const std::optional<std::size_t> maker = sole_maker(value);
    if (!maker || node(*maker).op != op || !node(*maker).domain.empty()) return std::nullopt;
    return maker;
  }

  /// The float that a parameter without dimensions is; one with dimensions might add some.
  std::optional<float> find_number(graph::ValueId value) const {
    if (value == graph::kLeftOut) return std::nullopt;
    const std::shared_ptr<const graph::Constant> constant = graph_.values[value].constant;
    if (!constant || constant->dtype() != DataType::Float32 || !constant->shape().empty())
      return std::nullopt;
    return constant->elements<float>()[0];
  }
  bool is_number(graph::ValueId value, float wanted) const {
    const std::optional<float> number = find_number(value);
    return number && std::abs(*number - wanted) <= 1e-5F * std::abs(wanted);
  }

  /// Of a node with two inputs, the one beside that which `accepts` takes.
  template <typename F>
  std::optional<graph::ValueId> other_side(const graph::Node& node, const F& accepts) const {
    if (node.inputs.size() != 2 || node.inputs[0] == node.inputs[1]) return std::nullopt;
    if (accepts(node.inputs[0])) return node.inputs[1];
    if (accepts(node.inputs[1])) return node.inputs[0];
    return std::nullopt;
  }

 private:
  const graph::Graph& graph_;
  std::vector<std::uint32_t> uses_;
};

}  // namespace torchkeep::runtime::optimise
