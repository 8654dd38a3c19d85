// Runs what depends on parameters alone, once. Results above `max_bytes` in all are left to the
// runs.
//   W -> Transpose -> MatMul          becomes        W' -> MatMul
#include <algorithm>

#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/plan/plan.h"

namespace torchkeep::runtime::optimise {

Result<void> fold_constants(graph::Graph& graph, dnn::Machine& machine, Pool& pool,
                            std::uint64_t max_bytes, bool keep_quantised) {
  std::vector<bool> dropped(graph.nodes.size(), false);
  std::vector<std::uint32_t> uses = graph.count_uses();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    const auto known = [&](graph::ValueId value) {
      return value == graph::kLeftOut || graph.values[value].constant != nullptr;
    };
    if (keep_quantised && node.op == "DequantizeLinear") continue;
    if (node.inputs.empty() || !std::ranges::all_of(node.inputs, known)) continue;
    const kernels::KernelPointer kernel = TRY(kernels::make_kernel(graph, node));
    if (!kernel->is_constant()) continue;
    const plan::Request request{graph, {}, {}, {}, {}, machine, pool, max_bytes};
    const auto results = plan::evaluate(request, node, *kernel, {});
    // A shape that does not fit, or memory that is short, is told of when the node is planned.
    if (!results) continue;
    for (std::size_t k = 0; k < results->size(); ++k) {
      if (!(*results)[k]) continue;
      // Ours alone so far; from here on it is a parameter like any other.
      graph.values[node.outputs[k]].constant =
          std::const_pointer_cast<graph::Constant>((*results)[k]);
      max_bytes -= std::min<std::uint64_t>(max_bytes, (*results)[k]->bytes().size());
    }
    dropped[i] = true;
    // Or all parameters that are changed would be there twice.
    for (const graph::ValueId read : node.reads()) {
      if (read != graph::kLeftOut && --uses[read] == 0) graph.values[read].constant.reset();
    }
  }
  graph.remove_nodes(dropped);
  return {};
}

}  // namespace torchkeep::runtime::optimise
