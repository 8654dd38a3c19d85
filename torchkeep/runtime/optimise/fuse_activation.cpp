// Lets a convolution or matrix product limit its own result.
//   Conv -> Relu                      becomes        Conv, then max(., 0) before it is written
#include <algorithm>
#include <limits>

#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Activation;
using graph::Graph;
using graph::Node;

std::optional<float> find_bound(const Graph& graph, const Node& node, std::size_t index,
                                float otherwise) {
  if (index >= node.inputs.size() || node.inputs[index] == graph::kLeftOut) return otherwise;
  const std::shared_ptr<const graph::Constant> constant = graph.values[node.inputs[index]].constant;
  if (!constant || constant->dtype() != DataType::Float32 ||
      constant->bytes().size() != sizeof(float))
    return std::nullopt;
  return constant->elements<float>()[0];
}

std::optional<Activation> find_activation(const Graph& graph, const Node& node) {
  if (node.op == "Relu") return Activation{Activation::Kind::Relu, 0, 0};
  if (node.op == "HardSwish") return Activation{Activation::Kind::HardSwish, 0, 0};
  // Bounds that are attributes, as before Clip-11, are left to the kernel.
  if (node.op != "Clip" || !node.attributes.empty()) return std::nullopt;
  const std::optional<float> low = find_bound(graph, node, 1, std::numeric_limits<float>::lowest());
  const std::optional<float> high = find_bound(graph, node, 2, std::numeric_limits<float>::max());
  if (!low || !high) return std::nullopt;
  // Where the bounds cross, everything becomes the upper one.
  return Activation{Activation::Kind::Clip, std::min(*low, *high), *high};
}

}  // namespace

void fuse_activation(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Activation> activation = find_activation(graph, graph.nodes[i]);
    if (!activation) continue;
    const std::optional<std::size_t> maker = chains.sole_maker(graph.nodes[i].inputs[0]);
    if (!maker) continue;
    Node& before = graph.nodes[*maker];
    const bool takes = before.op == "Conv" || before.op == "Gemm" || before.op == "MatMul";
    if (!takes || before.activation.kind != Activation::Kind::None) continue;
    before.activation = *activation;
    before.outputs[0] = graph.nodes[i].outputs[0];
    dropped[i] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
