// Lets products read matrices of parameters that are written turned over as they are: no copy is
// made to turn them, and a table of embeddings serves a head too.
//   W -> Transpose -> MatMul(x, .)    becomes        MatMul(x, W), marked as turned
#include "torchkeep/runtime/kernels/packed.h"
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/patterns.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;

/// A Transpose of a matrix of parameters that a product would pack.
bool turns_weights(const Graph& graph, const Node& node) {
  if (node.op != "Transpose" || !node.domain.empty()) return false;
  const std::shared_ptr<const graph::Constant> matrix = graph.values[node.inputs[0]].constant;
  if (!matrix || matrix->dtype() != DataType::Float32 || matrix->shape().size() != 2) return false;
  const graph::Attribute* order = find_attribute(node, "perm");
  if (order != nullptr && order->ints != std::vector<std::int64_t>{1, 0}) return false;
  return matrix->shape()[0] >= kernels::kFewestPackedColumns && matrix->shape()[1] > 0;
}

}  // namespace

void fuse_turned_weights(Graph& graph) {
  const Chains chains(graph);
  bool any = false;
  for (Node& node : graph.nodes) {
    if (node.op != "MatMul" || !node.domain.empty()) continue;
    const std::optional<std::size_t> maker = chains.maker(node.inputs[1]);
    if (!maker || !turns_weights(graph, graph.nodes[*maker])) continue;
    node.inputs[1] = graph.nodes[*maker].inputs[0];
    node.turned = any = true;
  }
  if (any) drop_unused(graph);
}

}  // namespace torchkeep::runtime::optimise
