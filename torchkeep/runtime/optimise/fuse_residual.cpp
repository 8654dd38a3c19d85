// Lets a convolution or a linear layer add to what is there already.
//   Conv -> Add(., r)                 becomes        Conv + r
#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;

/// The convolution that could take over the sum: the later one, so that the other side is there
/// before it.
std::optional<std::size_t> find_taker(const Graph& graph, const Chains& chains, const Node& sum) {
  std::optional<std::size_t> taker;
  for (const graph::ValueId side : sum.inputs) {
    const std::optional<std::size_t> maker = chains.sole_maker(side);
    if (!maker || (taker && *maker < *taker)) continue;
    const Node& node = graph.nodes[*maker];
    // A product of two computed matrices is small beside its own reading: nothing is won there.
    const bool linear = node.op == "MatMul" && graph.values[node.inputs[1]].constant != nullptr;
    if (node.activation.kind != graph::Activation::Kind::None) continue;
    if ((node.op == "Conv" || linear) && node.residual == graph::kLeftOut &&
        node.outputs[0] == side)
      taker = maker;
  }
  return taker;
}

}  // namespace

void fuse_residual(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& sum = graph.nodes[i];
    if (sum.op != "Add" || !sum.domain.empty()) continue;
    const std::optional<std::size_t> taker = find_taker(graph, chains, sum);
    if (!taker) continue;
    const graph::ValueId made = graph.nodes[*taker].outputs[0];
    const graph::ValueId other = sum.inputs[0] == made ? sum.inputs[1] : sum.inputs[0];
    // A parameter is a bias in another shape: nothing to add in place to.
    if (graph.values[other].constant) continue;
    Node joined = std::move(graph.nodes[*taker]);
    joined.residual = other;
    joined.outputs = sum.outputs;
    // It takes the sum's place in the order, where both sides are there.
    dropped[*taker] = true;
    graph.nodes[i] = std::move(joined);
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
