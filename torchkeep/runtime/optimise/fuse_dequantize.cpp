// Lets convolutions and linear layers read quantised numbers. Weights of 8 bits stay what they
// are. QLinearConv and QLinearMatMul become the same, their output's scale with them.
//   DequantizeLinear(x), DequantizeLinear(w) -> Conv   becomes   Conv(x, w), marked as quantised
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/quantised_weights.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

/// The floats that a bias's 32 bit numbers stand for; a bias that is one of floats already itself.
/// None if it is no parameter, or has another shape than one number a channel.
Result<std::optional<ValueId>> take_bias(Graph& graph, const Chains& chains, ValueId bias,
                                         std::int64_t channels) {
  using Taken = std::optional<ValueId>;
  const auto fits = [&](const Shape& shape) {
    return shape == Shape{channels} || shape == Shape{1, channels};
  };
  const std::shared_ptr<const graph::Constant> known = graph.values[bias].constant;
  if (known)
    return known->dtype() == DataType::Float32 && fits(known->shape()) ? Taken(bias) : Taken();
  const std::optional<std::size_t> maker = chains.maker(bias);
  if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) return Taken();
  const Node& node = graph.nodes[*maker];
  const std::shared_ptr<const graph::Constant> numbers = graph.values[node.inputs[0]].constant,
                                               scales = graph.values[node.inputs[1]].constant;
  if (!numbers || !scales || numbers->dtype() != DataType::Int32 || !fits(numbers->shape()) ||
      scales->dtype() != DataType::Float32)
    return Taken();
  const std::span<const float> each = scales->elements<float>();
  const std::span<const std::int32_t> sums = numbers->elements<std::int32_t>();
  if (each.size() != 1 && each.size() != sums.size()) return Taken();
  if (node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut) {
    const std::shared_ptr<const graph::Constant> zeros = graph.values[node.inputs[2]].constant;
    const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
    if (!zeros || !std::ranges::all_of(zeros->bytes(), is_zero)) return Taken();
  }
  const std::shared_ptr<graph::Constant> floats =
      TRY(graph::Constant::make(DataType::Float32, {channels}));
  for (std::size_t i = 0; i < sums.size(); ++i) {
    floats->elements<float>()[i] = static_cast<float>(sums[i]) * each[each.size() == 1 ? 0 : i];
  }
  return Taken(graph.add_constant(node.name, floats));
}

/// The same of QLinearConv, whose bias says by its place what its scales are.
Result<std::optional<ValueId>> take_sums(Graph& graph, ValueId bias, float input_scale,
                                         ValueId scales, std::int64_t channels) {
  const std::shared_ptr<const graph::Constant> numbers = graph.values[bias].constant;
  if (!numbers || numbers->dtype() != DataType::Int32 || numbers->shape() != Shape{channels})
    return std::optional<ValueId>();
  const std::span<const float> each =
      std::as_const(*graph.values[scales].constant).elements<float>();
  const std::shared_ptr<graph::Constant> floats =
      TRY(graph::Constant::make(DataType::Float32, {channels}));
  for (std::size_t i = 0; i < static_cast<std::size_t>(channels); ++i) {
    floats->elements<float>()[i] = static_cast<float>(numbers->elements<std::int32_t>()[i]) *
                                   input_scale * each[each.size() == 1 ? 0 : i];
  }
  return std::optional(graph.add_constant(graph.values[bias].name, floats));
}

bool number_is(const Node& node, std::string_view name, std::int64_t otherwise,
               std::int64_t wanted) {
  const graph::Attribute* found = find_attribute(node, name);
  return (found == nullptr ? otherwise : found->i) == wanted;
}
bool is_one(const Node& node, std::string_view name) {
  const graph::Attribute* found = find_attribute(node, name);
  return found == nullptr || found->f == 1;
}

std::optional<std::size_t> rank_of(const Graph& graph, ValueId value) {
  if (value == graph::kLeftOut || !graph.values[value].constant) return std::nullopt;
  return graph.values[value].constant->shape().size();
}

/// What a DequantizeLinear of parameters says of them, if it has scales along `axis` or one.
std::optional<WrittenWeights> find_weights(const Graph& graph, const Chains& chains, ValueId value,
                                           std::size_t axis) {
  const std::optional<std::size_t> maker = chains.maker(value);
  if (!maker || !is_standard(graph.nodes[*maker], "DequantizeLinear")) return std::nullopt;
  const Node& node = graph.nodes[*maker];
  const std::optional<std::size_t> rank = rank_of(graph, node.inputs[0]);
  const std::shared_ptr<const graph::Constant> scales = graph.values[node.inputs[1]].constant;
  if (!rank || !scales || !number_is(node, "block_size", 0, 0)) return std::nullopt;
  const auto along = static_cast<std::int64_t>(axis);
  if (scales->bytes().size() != sizeof(float) && !number_is(node, "axis", 1, along) &&
      !number_is(node, "axis", 1, along - static_cast<std::int64_t>(*rank)))
    return std::nullopt;
  return WrittenWeights{
      node.inputs[0], node.inputs[1], node.inputs.size() > 2 ? node.inputs[2] : graph::kLeftOut,
      axis,           false,          chains.read_once(value) && chains.read_once(node.inputs[0])};
}

/// Of a Conv, Gemm or MatMul whose inputs are DequantizeLinear's.
Result<void> take_product(Graph& graph, const Chains& chains, std::size_t index) {
  const bool is_conv = is_standard(graph.nodes[index], "Conv"),
             is_gemm = is_standard(graph.nodes[index], "Gemm"),
             is_product = is_standard(graph.nodes[index], "MatMul");
  if (!is_conv && !is_gemm && !is_product) return {};
  const Node node = graph.nodes[index];
  const bool transposed = is_gemm && number_is(node, "transB", 0, 1);
  if (is_gemm &&
      (!number_is(node, "transA", 0, 0) || !is_one(node, "alpha") || !is_one(node, "beta")))
    return {};
  const auto read = find_dequantised(graph, chains, node.inputs[0]);
  auto written = find_weights(graph, chains, node.inputs[1], is_conv || transposed ? 0 : 1);
  if (!read || !written) return {};
  const std::size_t rank = *rank_of(graph, written->numbers);
  if (is_conv ? rank < 3 || rank > 5 : rank != 2) return {};
  written->transposed = transposed;
  const std::int64_t channels = graph.values[written->numbers].constant->shape()[written->axis];
  ValueId bias = graph::kLeftOut;
  if (node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut) {
    const auto found = TRY(take_bias(graph, chains, node.inputs[2], channels));
    if (!found) return {};
    bias = *found;
  }
  const auto weights = TRY(take_weights(graph, *written));
  if (!weights) return {};
  Node& taken = graph.nodes[index];
  taken.inputs = {read->numbers, weights->numbers, bias, weights->scales};
  taken.quantised = graph::Quantised{read->quantisation, std::nullopt, std::nullopt};
  if (is_gemm) {
    taken.op = "MatMul";
    taken.attributes.clear();
  }
  return {};
}

/// Of a QLinearConv or QLinearMatMul.
Result<void> take_written(Graph& graph, const Chains& chains, std::size_t index) {
  const bool is_conv = is_standard(graph.nodes[index], "QLinearConv");
  if (!is_conv && !is_standard(graph.nodes[index], "QLinearMatMul")) return {};
  const std::vector<ValueId> inputs = graph.nodes[index].inputs;
  const auto read = find_quantisation(graph, inputs[1], inputs[2]),
             made = find_quantisation(graph, inputs[6], inputs[7]);
  const std::optional<std::size_t> rank = rank_of(graph, inputs[3]);
  if (!read || !made || !rank || (is_conv ? *rank < 3 || *rank > 5 : *rank != 2)) return {};
  const WrittenWeights written{inputs[3],         inputs[4], inputs[5],
                               is_conv ? 0U : 1U, false,     chains.read_once(inputs[3])};
  const std::int64_t channels = graph.values[inputs[3]].constant->shape()[written.axis];
  const auto weights = TRY(take_weights(graph, written));
  if (!weights) return {};
  ValueId bias = graph::kLeftOut;
  if (inputs.size() > 8 && inputs[8] != graph::kLeftOut) {
    const auto found = TRY(take_sums(graph, inputs[8], read->scale, weights->scales, channels));
    if (!found) return {};
    bias = *found;
  }
  Node& taken = graph.nodes[index];
  taken.inputs = {inputs[0], weights->numbers, bias, weights->scales};
  taken.op = is_conv ? "Conv" : "MatMul";
  taken.quantised = graph::Quantised{*read, std::nullopt, *made};
  return {};
}

}  // namespace

Result<void> fuse_dequantize(Graph& graph) {
  const Chains chains(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    TRY(take_product(graph, chains, i));
    TRY(take_written(graph, chains, i));
  }
  return {};
}

}  // namespace torchkeep::runtime::optimise
