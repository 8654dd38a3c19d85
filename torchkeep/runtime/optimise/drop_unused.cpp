// Takes out nodes that nothing depends on, and lets go of parameters that nobody reads.
//   x -> Conv -> y,  x -> Relu -> nobody      becomes        x -> Conv -> y
#include <algorithm>

#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {

void drop_unused(graph::Graph& graph) {
  std::vector<std::uint32_t> uses = graph.count_uses();
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const graph::Node& node = graph.nodes[i];
    const auto wanted = [&](graph::ValueId value) {
      return value != graph::kLeftOut && uses[value] > 0;
    };
    if (std::ranges::any_of(node.outputs, wanted)) continue;
    dropped[i] = true;
    for (const graph::ValueId read : node.reads()) {
      if (read != graph::kLeftOut) --uses[read];
    }
  }
  graph.remove_nodes(dropped);
  for (graph::ValueId value = 0; value < graph.values.size(); ++value) {
    if (uses[value] == 0) graph.values[value].constant.reset();
  }
}

}  // namespace torchkeep::runtime::optimise
