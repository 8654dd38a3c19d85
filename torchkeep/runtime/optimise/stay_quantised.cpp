// Lets operators that only move or choose numbers do so with quantised ones. Averages too.
//   DequantizeLinear -> MaxPool -> QuantizeLinear      becomes   MaxPool, if both scales are one
//   DequantizeLinear(a), DequantizeLinear(b) -> Concat -> QuantizeLinear
//                                 becomes        Concat(a, b), whatever their scales
//   DequantizeLinear -> GlobalAveragePool              becomes   GlobalAveragePool of floats
#include <array>

#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;

// What makes none but numbers that were there; all but Concat have one tensor and its parameters.
constexpr std::array<std::string_view, 8> kMovers{"Concat",    "Flatten",  "GlobalMaxPool",
                                                  "MaxPool",   "Reshape",  "Squeeze",
                                                  "Transpose", "Unsqueeze"};

/// Zeros of padding are zero points among the numbers, which an average must not count as zeros.
bool averages_without_padding(const Node& node) {
  const graph::Attribute* counts = find_attribute(node, "count_include_pad");
  return is_standard(node, "GlobalAveragePool") ||
         (is_standard(node, "AveragePool") && (counts == nullptr || counts->i == 0));
}

bool takes_numbers(const Node& node) {
  if (!node.domain.empty() || node.outputs.size() != 1) return false;
  return std::ranges::find(kMovers, node.op) != kMovers.end() || averages_without_padding(node);
}

}  // namespace

void stay_quantised(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_standard(graph.nodes[i], "QuantizeLinear")) continue;
    const auto wanted = find_quantisation(graph, graph.nodes[i]);
    const std::optional<std::size_t> maker = chains.sole_maker(graph.nodes[i].inputs[0]);
    if (!wanted || !maker || !takes_numbers(graph.nodes[*maker])) continue;
    Node& mover = graph.nodes[*maker];
    const bool joins = mover.op == "Concat";
    const std::size_t tensors = joins ? mover.inputs.size() : 1;
    std::vector<graph::ValueId> numbers;
    std::vector<graph::Quantisation> each;
    for (std::size_t k = 0; k < tensors; ++k) {
      const auto read = find_dequantised(graph, chains, mover.inputs[k]);
      if (!read || (!joins && read->quantisation != *wanted)) break;
      numbers.push_back(read->numbers);
      each.push_back(read->quantisation);
    }
    if (numbers.size() != tensors) continue;
    std::ranges::copy(numbers, mover.inputs.begin());
    mover.outputs = graph.nodes[i].outputs;
    mover.quantised = graph::Quantised{*wanted, std::nullopt, *wanted};
    if (joins) mover.quantised->each = std::move(each);
    dropped[i] = true;
  }
  // Floats of all places would be made for their average alone.
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (dropped[i] || !is_standard(node, "GlobalAveragePool") || node.quantised) continue;
    const auto read = find_dequantised(graph, chains, node.inputs[0]);
    if (!read) continue;
    node.inputs[0] = read->numbers;
    node.quantised = graph::Quantised{read->quantisation, std::nullopt, std::nullopt};
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
