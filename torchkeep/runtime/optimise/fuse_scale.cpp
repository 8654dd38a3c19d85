// Lets a matrix product multiply its result by one number.
//   MatMul -> Div(., 8)               becomes        MatMul / 8
#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;

bool takes_scale(const Node& node) {
  return node.op == "MatMul" && !node.quantised && !node.biased && node.scale == 1 &&
         node.residual == graph::kLeftOut && node.activation.kind == graph::Activation::Kind::None;
}

/// The number that `node` multiplies its input 0 by, and which input that is.
std::optional<std::pair<std::size_t, float>> find_factor(const Graph& graph, const Node& node) {
  if (node.op != "Mul" && node.op != "Div") return std::nullopt;
  for (std::size_t side = 0; side < 2; ++side) {
    if (node.op == "Div" && side == 0) continue;  // a number divided by the product
    const std::shared_ptr<const graph::Constant> constant =
        graph.values[node.inputs[side]].constant;
    if (!constant || constant->dtype() != DataType::Float32 || !constant->shape().empty()) continue;
    const float number = constant->elements<float>()[0];
    const float factor = node.op == "Mul" ? number : 1 / number;
    // Others are rare, and what they make of zeros and infinities is the operator's own to say.
    if (!(factor > 1e-6F && factor < 1e6F)) continue;
    return std::pair{1 - side, factor};
  }
  return std::nullopt;
}

}  // namespace

void fuse_scale(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto factor = find_factor(graph, graph.nodes[i]);
    if (!factor) continue;
    const std::optional<std::size_t> maker =
        chains.sole_maker(graph.nodes[i].inputs[factor->first]);
    if (!maker || !takes_scale(graph.nodes[*maker])) continue;
    graph.nodes[*maker].scale = factor->second;
    graph.nodes[*maker].outputs = graph.nodes[i].outputs;
    dropped[i] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
