#pragma once

#include <optional>

#include "torchkeep/runtime/graph/graph.h"

/// Which node makes what, for passes that join a node with the one before it.
namespace torchkeep::runtime::optimise {

/// *A view of a graph as it was*; passes that change it mind what they ask afterwards.
class Chains {
 public:
  explicit Chains(const graph::Graph& graph)
      : uses_(graph.count_uses()),
        makers_(graph.values.size(), kNobody),
        readers_(graph.values.size(), kNobody) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const graph::ValueId read : graph.nodes[i].reads()) {
        if (read != graph::kLeftOut) readers_[read] = i;
      }
      for (const graph::ValueId output : graph.nodes[i].outputs) {
        if (output != graph::kLeftOut) makers_[output] = i;
      }
    }
  }

  bool read_once(graph::ValueId value) const { return uses_[value] == 1; }
  /// The node that makes `value`.
  std::optional<std::size_t> maker(graph::ValueId value) const {
    if (value == graph::kLeftOut || makers_[value] == kNobody) return std::nullopt;
    return makers_[value];
  }
  /// The node that alone reads `value`.
  std::optional<std::size_t> sole_reader(graph::ValueId value) const {
    if (value == graph::kLeftOut || uses_[value] != 1 || readers_[value] == kNobody)
      return std::nullopt;
    return readers_[value];
  }
  /// The node that makes `value`, if it does so for one reader alone.
  std::optional<std::size_t> sole_maker(graph::ValueId value) const {
    if (value == graph::kLeftOut || uses_[value] != 1 || makers_[value] == kNobody)
      return std::nullopt;
    return makers_[value];
  }

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};
  std::vector<std::uint32_t> uses_;
  std::vector<std::size_t> makers_, readers_;
};

}  // namespace torchkeep::runtime::optimise
