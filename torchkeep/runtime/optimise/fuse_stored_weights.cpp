// Lets linear layers of floats read weights as small as they are stored.
//   DequantizeLinear(w) -> MatMul(x, .)          becomes   MatMul(x, w), marked, of floats
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Constant;
using graph::Graph;
using graph::Node;
using ConstantPointer = std::shared_ptr<const Constant>;

std::int64_t int_of(const Node& node, std::string_view name, std::int64_t otherwise) {
  const graph::Attribute* found = find_attribute(node, name);
  return found == nullptr ? otherwise : found->i;
}
float float_of(const Node& node, std::string_view name) {
  const graph::Attribute* found = find_attribute(node, name);
  return found == nullptr ? 1 : found->f;
}
ConstantPointer constant_of(const Graph& graph, const Node& node, std::size_t input) {
  if (input >= node.inputs.size() || node.inputs[input] == graph::kLeftOut) return nullptr;
  return graph.values[node.inputs[input]].constant;
}

/// A matrix, its scales and zero points as written: [inner, columns], or the other way round.
struct Written {
  ConstantPointer numbers, scales, zeros;
  bool turned = false;
  std::size_t inner = 0, columns = 0;
  std::size_t block = 0;  ///< Of how many rows each has a scale; 0: all of them.

  std::size_t blocks() const { return block == 0 ? 1 : (inner + block - 1) / block; }
  /// Where the scale and the zero point of a number stand.
  std::size_t scale_of(std::size_t row, std::size_t column) const {
    if (scales->elements<float>().size() == 1) return 0;
    if (block == 0) return column;
    return turned ? column * blocks() + row / block : row / block * columns + column;
  }
};

/// None if scales or zero points do not fit, or what DequantizeLinear reads is no parameter.
std::optional<Written> find_written(const Graph& graph, const Node& node, bool turned) {
  Written written{constant_of(graph, node, 0), constant_of(graph, node, 1),
                  constant_of(graph, node, 2), turned};
  const ConstantPointer &numbers = written.numbers, &scales = written.scales,
                        &zeros = written.zeros;
  const bool has_zeros = node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut;
  if (!numbers || !scales || (has_zeros && !zeros) || scales->dtype() != DataType::Float32 ||
      numbers->shape().size() != 2 || numbers->bytes().empty() ||
      (numbers->dtype() != DataType::Int8 && numbers->dtype() != DataType::UInt8))
    return std::nullopt;
  if (zeros && (zeros->dtype() != numbers->dtype() || zeros->shape() != scales->shape()))
    return std::nullopt;
  written.inner = static_cast<std::size_t>(numbers->shape()[turned ? 1 : 0]);
  written.columns = static_cast<std::size_t>(numbers->shape()[turned ? 0 : 1]);
  const std::int64_t block = int_of(node, "block_size", 0), axis = int_of(node, "axis", 1);
  if (block < 0) return std::nullopt;
  written.block = static_cast<std::size_t>(block);
  const bool along_rows = (axis == 0 || axis == -2) != turned;  // the axis is that of the sums
  const auto columns = static_cast<std::int64_t>(written.columns),
             blocks = static_cast<std::int64_t>(written.blocks());
  if (written.block != 0) {
    const Shape wanted = turned ? Shape{columns, blocks} : Shape{blocks, columns};
    return along_rows && scales->shape() == wanted ? std::optional(written) : std::nullopt;
  }
  if (scales->elements<float>().size() == 1) return written;
  return !along_rows && scales->shape() == Shape{columns} ? std::optional(written) : std::nullopt;
}

/// The numbers less their zero points, [inner, columns]. None if one of them takes more than 8
/// bits.
Result<std::shared_ptr<Constant>> take_numbers(const Written& written) {
  const bool is_signed = written.numbers->dtype() == DataType::Int8;
  const auto number = [&](const Constant& from, std::size_t at) {
    return is_signed ? int{from.elements<std::int8_t>()[at]}
                     : int{from.elements<std::uint8_t>()[at]};
  };
  std::shared_ptr<Constant> taken =
      TRY(Constant::make(DataType::Int8, {static_cast<std::int64_t>(written.inner),
                                          static_cast<std::int64_t>(written.columns)}));
  const std::span<std::int8_t> to = taken->elements<std::int8_t>();
  for (std::size_t i = 0; i < written.inner; ++i) {
    for (std::size_t j = 0; j < written.columns; ++j) {
      const std::size_t at = written.turned ? j * written.inner + i : i * written.columns + j;
      const int zero = written.zeros ? number(*written.zeros, written.scale_of(i, j)) : 0;
      const int value = number(*written.numbers, at) - zero;
      if (value < -128 || value > 127) return std::shared_ptr<Constant>();
      to[i * written.columns + j] = static_cast<std::int8_t>(value);
    }
  }
  return taken;
}

/// Scales as they are, or [blocks, columns].
Result<std::shared_ptr<Constant>> take_scales(const Written& written) {
  std::shared_ptr<Constant> taken =
      TRY(Constant::make(DataType::Float32, {static_cast<std::int64_t>(written.blocks()),
                                             static_cast<std::int64_t>(written.columns)}));
  for (std::size_t b = 0; b < written.blocks(); ++b) {
    for (std::size_t j = 0; j < written.columns; ++j)
      taken->elements<float>()[b * written.columns + j] =
          written.scales->elements<float>()[written.scale_of(b * written.block, j)];
  }
  return taken;
}

bool takes_weights(const Graph& graph, const Node& node) {
  if (node.quantised) return false;
  if (is_standard(node, "MatMul")) return node.inputs.size() == 2;
  if (!is_standard(node, "Gemm") || int_of(node, "transA", 0) != 0 ||
      float_of(node, "alpha") != 1 || float_of(node, "beta") != 1)
    return false;
  return node.inputs.size() < 3 || node.inputs[2] == graph::kLeftOut ||
         constant_of(graph, node, 2) != nullptr;
}

}  // namespace

Result<void> fuse_stored_weights(Graph& graph) {
  const Chains chains(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node node = graph.nodes[i];
    if (!takes_weights(graph, node)) continue;
    const std::optional<std::size_t> maker = chains.maker(node.inputs[1]);
    if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) continue;
    const bool is_gemm = node.op == "Gemm";
    const auto written =
        find_written(graph, graph.nodes[*maker], is_gemm && int_of(node, "transB", 0) == 1);
    if (!written) continue;
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut;
    if (has_bias) {
      const ConstantPointer bias = constant_of(graph, node, 2);
      const auto columns = static_cast<std::int64_t>(written->columns);
      if (bias->dtype() != DataType::Float32 ||
          (bias->shape() != Shape{columns} && bias->shape() != Shape{1, columns}))
        continue;
    }
    const std::shared_ptr<Constant> numbers = TRY(take_numbers(*written));
    if (!numbers) continue;
    const std::string_view name = graph.nodes[*maker].name;
    const graph::ValueId scales = graph.add_constant(name, TRY(take_scales(*written)));
    Node& taken = graph.nodes[i];
    taken.inputs = {node.inputs[0], graph.add_constant(name, numbers),
                    has_bias ? node.inputs[2] : graph::kLeftOut, scales};
    taken.op = "MatMul";
    taken.attributes.clear();
    if (written->block != 0)
      taken.attributes.push_back(*find_attribute(graph.nodes[*maker], "block_size"));
    taken.quantised = graph::Quantised{{DataType::Float32, 0, 1}, std::nullopt, std::nullopt};
  }
  return {};
}

}  // namespace torchkeep::runtime::optimise
