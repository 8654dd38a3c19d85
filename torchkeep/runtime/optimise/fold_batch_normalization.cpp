// Multiplies a normalisation's scale into the weights before it, and its shift into their bias.
//   Conv(W, b) -> BatchNormalization  becomes        Conv(W', b')
#include <algorithm>
#include <array>
#include <cmath>

#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Constant;
using graph::Graph;
using graph::Node;

float epsilon_of(const Node& normalisation) {
  const auto found =
      std::ranges::find(normalisation.attributes, "epsilon", &graph::Attribute::name);
  return found == normalisation.attributes.end() ? 1e-5F : found->f;
}

/// Scale, shift, mean and variance, if all are parameters of `channels` floats.
std::optional<std::array<std::span<const float>, 4>> statistics(const Graph& graph,
                                                                const Node& normalisation,
                                                                std::int64_t channels) {
  std::array<std::span<const float>, 4> found;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& constant = graph.values[normalisation.inputs[i + 1]].constant;
    if (!constant || constant->dtype() != DataType::Float32 || constant->shape() != Shape{channels})
      return std::nullopt;
    found[i] = std::as_const(*constant).elements<float>();
  }
  return found;
}

bool is_float(const std::shared_ptr<Constant>& constant) {
  return constant != nullptr && constant->dtype() == DataType::Float32;
}

/// Weights are scaled where they lie: a copy would be a second set of parameters.
Result<bool> fold(Graph& graph, const Chains& chains, Node& convolution,
                  const Node& normalisation) {
  if (convolution.op != "Conv" || !chains.read_once(convolution.inputs[1])) return false;
  const std::shared_ptr<Constant> weights = graph.values[convolution.inputs[1]].constant;
  if (!is_float(weights) || weights->shape().empty()) return false;
  const std::int64_t channels = weights->shape()[0];
  const bool has_bias = convolution.inputs.size() > 2 && convolution.inputs[2] != graph::kLeftOut;
  const std::shared_ptr<Constant> old_bias =
      has_bias ? graph.values[convolution.inputs[2]].constant : nullptr;
  if (has_bias && (!is_float(old_bias) || old_bias->shape() != Shape{channels})) return false;
  const auto known = statistics(graph, normalisation, channels);
  if (!known || channels == 0) return false;

  const std::shared_ptr<Constant> bias = TRY(Constant::make(DataType::Float32, {channels}));
  const std::span<float> elements = weights->elements<float>();
  const std::size_t each = elements.size() / static_cast<std::size_t>(channels);
  const auto& [scales, shifts, means, variances] = *known;
  for (std::size_t c = 0; c < scales.size(); ++c) {
    const double factor =
        scales[c] / std::sqrt(double{variances[c]} + double{epsilon_of(normalisation)});
    for (float& weight : elements.subspan(c * each, each))
      weight = static_cast<float>(weight * factor);
    const double before = has_bias ? double{std::as_const(*old_bias).elements<float>()[c]} : 0.0;
    bias->elements<float>()[c] = static_cast<float>((before - means[c]) * factor + shifts[c]);
  }
  convolution.inputs.resize(3, graph::kLeftOut);
  convolution.inputs[2] = graph.add_constant(normalisation.name, bias);
  return true;
}

}  // namespace

Result<void> fold_batch_normalization(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (node.op != "BatchNormalization") continue;
    const std::optional<std::size_t> maker = chains.sole_maker(node.inputs[0]);
    // One that has a normalisation folded in already makes another value than it did.
    if (!maker || graph.nodes[*maker].outputs[0] != node.inputs[0]) continue;
    if (!TRY(fold(graph, chains, graph.nodes[*maker], node))) continue;
    graph.nodes[*maker].outputs[0] = node.outputs[0];
    dropped[i] = true;
  }
  graph.remove_nodes(dropped);
  return {};
}

}  // namespace torchkeep::runtime::optimise
