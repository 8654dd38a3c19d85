// Lets linear layers of floats read weights as small as they are stored. They are packed when the
// layer is planned, one by one, and not here, all at once.
//   DequantizeLinear(w, s, z) -> MatMul(x, .)    becomes   MatMul(x, w, bias, s, z), marked, of
//                                                          floats
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/stored_matrix.h"

namespace torchkeep::runtime::optimise {

using graph::Graph;
using graph::Node;

namespace {

graph::Attribute number(std::string_view name, std::int64_t value) {
  graph::Attribute attribute;
  attribute.name = name;
  attribute.type = graph::AttributeType::Int;
  attribute.i = value;
  return attribute;
}

}  // namespace

void fuse_stored_weights(Graph& graph) {
  const Chains chains(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node node = graph.nodes[i];
    if (!is_standard(node, "MatMul") && !is_standard(node, "Gemm")) continue;
    const std::optional<std::size_t> maker = chains.maker(node.inputs[1]);
    if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) continue;
    const auto matrix = find_stored_matrix(graph, graph.nodes[*maker], turns_matrix(node));
    if (!matrix || !takes_stored_matrix(graph, node, matrix->columns)) continue;
    if (!kernels::panels_of(*matrix)) continue;
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut;
    const Node& stored = graph.nodes[*maker];
    Node& taken = graph.nodes[i];
    taken.inputs = {node.inputs[0], stored.inputs[0], has_bias ? node.inputs[2] : graph::kLeftOut,
                    stored.inputs[1], matrix->zeros ? stored.inputs[2] : graph::kLeftOut};
    taken.op = "MatMul";
    taken.attributes = {number("turned", matrix->turned ? 1 : 0),
                        number("block_size", static_cast<std::int64_t>(matrix->block))};
    taken.quantised = graph::Quantised{{DataType::Float32, 0, 1}, std::nullopt, std::nullopt};
  }
}

}  // namespace torchkeep::runtime::optimise
