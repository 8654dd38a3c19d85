#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {

using graph::Graph;
using graph::Node;
using graph::Quantisation;
using graph::ValueId;

std::optional<Quantisation> find_quantisation(const Graph& graph, ValueId scale, ValueId zero) {
  if (scale == graph::kLeftOut || zero == graph::kLeftOut) return std::nullopt;
  const std::shared_ptr<const graph::Constant> size = graph.values[scale].constant,
                                               middle = graph.values[zero].constant;
  if (!size || !middle || size->dtype() != DataType::Float32 ||
      size->bytes().size() != sizeof(float) || middle->bytes().size() != 1)
    return std::nullopt;
  Quantisation found{middle->dtype(), 0, size->elements<float>()[0]};
  // Beyond, products and quotients of two scales are no ordinary floats.
  if (!(found.scale > 1e-15F && found.scale < 1e15F)) return std::nullopt;
  if (found.dtype == DataType::UInt8)
    found.zero = middle->elements<std::uint8_t>()[0];
  else if (found.dtype == DataType::Int8)
    found.zero = middle->elements<std::int8_t>()[0];
  else
    return std::nullopt;
  return found;
}

std::optional<Quantisation> find_quantisation(const Graph& graph, const Node& node) {
  if (!is_standard(node, "QuantizeLinear") && !is_standard(node, "DequantizeLinear"))
    return std::nullopt;
  const graph::Attribute* block = find_attribute(node, "block_size");
  if (node.inputs.size() != 3 || (block != nullptr && block->i != 0)) return std::nullopt;
  return find_quantisation(graph, node.inputs[1], node.inputs[2]);
}

std::optional<Dequantised> find_dequantised(const Graph& graph, const Chains& chains,
                                            ValueId value) {
  const std::optional<std::size_t> maker = chains.maker(value);
  if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) return std::nullopt;
  const auto found = find_quantisation(graph, graph.nodes[*maker]);
  if (!found) return std::nullopt;
  return Dequantised{graph.nodes[*maker].inputs[0], *found};
}

}  // namespace torchkeep::runtime::optimise
