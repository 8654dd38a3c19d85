// Lets linear layers of floats read weights as small as they are stored.
//   DequantizeLinear(w) -> MatMul(x, .)          becomes   MatMul(x, w), marked, of floats
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/stored_matrix.h"

namespace torchkeep::runtime::optimise {

using graph::Graph;
using graph::Node;

Result<void> fuse_stored_weights(Graph& graph) {
  const Chains chains(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node node = graph.nodes[i];
    if (!is_standard(node, "MatMul") && !is_standard(node, "Gemm")) continue;
    const std::optional<std::size_t> maker = chains.maker(node.inputs[1]);
    if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) continue;
    const auto matrix = find_stored_matrix(graph, graph.nodes[*maker], turns_matrix(node));
    if (!matrix || !takes_stored_matrix(graph, node, matrix->columns)) continue;
    const std::shared_ptr<graph::Constant> numbers = TRY(take_numbers(*matrix));
    if (!numbers) continue;
    const std::string_view name = graph.nodes[*maker].name;
    const graph::ValueId scales = graph.add_constant(name, TRY(take_scales(*matrix)));
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut;
    Node& taken = graph.nodes[i];
    taken.inputs = {node.inputs[0], graph.add_constant(name, numbers),
                    has_bias ? node.inputs[2] : graph::kLeftOut, scales};
    taken.op = "MatMul";
    taken.attributes.clear();
    if (matrix->block != 0)
      taken.attributes.push_back(*find_attribute(graph.nodes[*maker], "block_size"));
    taken.quantised = graph::Quantised{{DataType::Float32, 0, 1}, std::nullopt, std::nullopt};
  }
  return {};
}

}  // namespace torchkeep::runtime::optimise
