#include "torchkeep/runtime/graph/four_bits.h"

#include <algorithm>

namespace torchkeep::runtime::graph {
namespace {

bool is_one(const Graph& graph, ValueId value) {
  return value != kLeftOut && graph.values[value].constant &&
         has_four_bits(graph.values[value].constant->dtype());
}

Result<void> check_outputs(const Graph& graph, const std::vector<ValueId>& outputs) {
  if (std::ranges::any_of(outputs, [&](ValueId value) { return is_one(graph, value); }))
    return malformed("integers of 4 bits are an output, which is not supported");
  return {};
}

Result<void> check_readers(const Graph& graph, const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    const bool dequantizes = node.op == "DequantizeLinear" && node.domain.empty();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_one(graph, node.inputs[i]) && !(dequantizes && (i == 0 || i == 2)))
        return malformed(graph.describe(node), " reads \"", graph.values[node.inputs[i]].name,
                         "\", whose integers of 4 bits DequantizeLinear alone may read");
    }
    for (const Body& body : node.bodies) {
      TRY(check_readers(graph, body.nodes));
      TRY(check_outputs(graph, body.outputs));
    }
  }
  return {};
}

}  // namespace

Result<void> check_four_bits(const Graph& graph) {
  TRY(check_readers(graph, graph.nodes));
  return check_outputs(graph, graph.outputs);
}

Result<std::shared_ptr<Constant>> widened(const Constant& constant) {
  TORCHKEEP_CHECK(has_four_bits(constant.dtype()));
  const DataType type = constant.dtype() == DataType::Int4 ? DataType::Int8 : DataType::UInt8;
  std::shared_ptr<Constant> wide = TRY(Constant::make(type, constant.shape()));
  const MutableByteView to = wide->bytes();
  with_integers(constant, [&](auto integer) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::uint8_t>(integer(i));
  });
  return wide;
}

}  // namespace torchkeep::runtime::graph
