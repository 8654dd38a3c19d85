// Makes integers of 4 bits ones of 8, but for those that marked products alone read.
//   w of INT4 -> DequantizeLinear        becomes        w of INT8 -> DequantizeLinear
#include "torchkeep/runtime/graph/four_bits.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {

Result<void> widen_four_bits(graph::Graph& graph) {
  std::vector<bool> kept(graph.values.size(), true);
  for (const graph::Node& node : graph.nodes) {
    if (node.op == "MatMul" && node.quantised) continue;  // which alone may read them by now
    for (const graph::ValueId value : node.reads()) {     // what graphs within it read, too
      if (value != graph::kLeftOut) kept[value] = false;
    }
  }
  for (std::size_t value = 0; value < graph.values.size(); ++value) {
    std::shared_ptr<graph::Constant>& constant = graph.values[value].constant;
    if (!kept[value] && constant && has_four_bits(constant->dtype()))
      constant = TRY(graph::widened(*constant));
  }
  return {};
}

}  // namespace torchkeep::runtime::optimise
