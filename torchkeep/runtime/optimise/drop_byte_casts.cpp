// Takes out a Cast of what is of that type already, as torch 1.13 puts one behind each
// QuantizeLinear.
//   QuantizeLinear (UINT8) -> Cast to UINT8      becomes   QuantizeLinear
#include <numeric>

#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {

void drop_byte_casts(graph::Graph& graph) {
  const Chains chains(graph);
  std::vector<graph::ValueId> renamed(graph.values.size());
  std::iota(renamed.begin(), renamed.end(), graph::ValueId{0});
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (!is_standard(node, "Cast")) continue;
    const std::optional<std::size_t> maker = chains.maker(node.inputs[0]);
    const graph::Attribute* to = find_attribute(node, "to");
    if (!maker || to == nullptr || !is_standard(graph.nodes[*maker], "QuantizeLinear")) continue;
    const auto made = find_quantisation(graph, graph.nodes[*maker]);
    if (!made || to->i != static_cast<std::int64_t>(made->dtype)) continue;
    renamed[node.outputs[0]] = renamed[node.inputs[0]];
    dropped[i] = true;
  }
  graph.rename(renamed);
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
