// Takes out nodes that hand on their input: Identity, and Dropout outside of training.
//   x -> Identity -> y -> Relu        becomes        x -> Relu
#include <numeric>

#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {

void drop_identities(graph::Graph& graph) {
  std::vector<graph::ValueId> renamed(graph.values.size());
  std::iota(renamed.begin(), renamed.end(), graph::ValueId{0});
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (node.op != "Identity" && node.op != "Dropout") continue;
    if (node.outputs.size() > 1 && node.outputs[1] != graph::kLeftOut)
      continue;  // a mask is wanted
    // Nodes are in order, so the input's own name is settled.
    renamed[node.outputs[0]] = renamed[node.inputs[0]];
    dropped[i] = true;
  }
  graph.rename(renamed);
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
