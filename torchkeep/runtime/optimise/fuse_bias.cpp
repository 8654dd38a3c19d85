// Lets a matrix product add a bias, one number a column, by itself.
//   MatMul(., W) -> Add(., b)         becomes        MatMul(., W, b)
#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;

/// A product with a matrix of parameters that nothing has been fused into yet.
bool takes_bias(const Graph& graph, const Node& node) {
  if (node.op != "MatMul" || node.biased || node.scale != 1 || node.residual != graph::kLeftOut ||
      node.activation.kind != graph::Activation::Kind::None)
    return false;
  const auto& weights = graph.values[node.inputs[1]].constant;
  if (node.quantised) return weights != nullptr && node.inputs[2] == graph::kLeftOut;
  return weights != nullptr && weights->dtype() == DataType::Float32 &&
         weights->shape().size() == 2;
}

}  // namespace

void fuse_bias(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& sum = graph.nodes[i];
    if (sum.op != "Add" || !sum.domain.empty()) continue;
    for (std::size_t side = 0; side < 2; ++side) {
      const std::optional<std::size_t> maker = chains.sole_maker(sum.inputs[side]);
      const graph::ValueId bias = sum.inputs[1 - side];
      const auto& constant = graph.values[bias].constant;
      if (!maker || !constant || !takes_bias(graph, graph.nodes[*maker])) continue;
      Node& product = graph.nodes[*maker];
      const std::int64_t columns =
          graph.values[product.inputs[1]].constant->shape()[product.turned ? 0 : 1];
      if (constant->dtype() != DataType::Float32 || constant->shape() != Shape{columns}) continue;
      if (product.quantised)
        product.inputs[2] = bias;
      else
        product.inputs.push_back(bias);
      product.biased = true;
      product.outputs = sum.outputs;
      dropped[i] = true;
      break;
    }
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
