// Lets marked products, and sums of two quantised tensors, write quantised numbers.
//   Conv (marked), + DequantizeLinear(r) -> QuantizeLinear   becomes   Conv + r
//   DequantizeLinear(a), DequantizeLinear(b) -> Add -> Relu -> QuantizeLinear
//                                 becomes        Add(a, b)
//   DequantizeLinear(a) -> Mul(., gate) -> QuantizeLinear    becomes   Mul(a, gate)
// It comes after whatever fuses onto products.
#include <array>

#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/quantisations.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Activation;
using graph::Graph;
using graph::Node;
using graph::Quantisation;

/// A marked product writes numbers; its residual is numbers of the same type, or there is none.
bool take_product(Graph& graph, const Chains& chains, Node& product, const Quantisation& wanted) {
  if (product.residual != graph::kLeftOut) {
    const auto residual = find_dequantised(graph, chains, product.residual);
    if (!residual || residual->quantisation.dtype != wanted.dtype) return false;
    product.residual = residual->numbers;
    product.quantised->second = residual->quantisation;
  }
  product.quantised->output = wanted;
  return true;
}

/// A sum of numbers that are all of one type, with `activation` behind it.
bool take_sum(const Graph& graph, const Chains& chains, Node& sum, const Quantisation& wanted,
              const Activation& activation) {
  if (!is_standard(sum, "Add") || sum.quantised || graph.opset < 7) return false;
  const auto left = find_dequantised(graph, chains, sum.inputs[0]),
             right = find_dequantised(graph, chains, sum.inputs[1]);
  if (!left || !right || left->quantisation.dtype != wanted.dtype ||
      right->quantisation.dtype != wanted.dtype)
    return false;
  sum.inputs = {left->numbers, right->numbers};
  sum.quantised = graph::Quantised{left->quantisation, right->quantisation, wanted};
  sum.activation = activation;
  return true;
}

/// A product of numbers and floats, or of numbers.
bool take_gate(const Graph& graph, const Chains& chains, Node& product,
               const Quantisation& wanted) {
  if (!is_standard(product, "Mul") || product.quantised || graph.opset < 7) return false;
  constexpr Quantisation kFloats{DataType::Float32, 0, 1};
  std::array<Quantisation, 2> sides{kFloats, kFloats};
  std::vector<graph::ValueId> inputs = product.inputs;
  for (std::size_t side = 0; side < sides.size(); ++side) {
    const auto read = find_dequantised(graph, chains, inputs[side]);
    if (!read) continue;
    inputs[side] = read->numbers;
    sides[side] = read->quantisation;
  }
  if (sides[0] == kFloats && sides[1] == kFloats) return false;
  product.inputs = std::move(inputs);
  product.quantised = graph::Quantised{sides[0], sides[1], wanted};
  return true;
}

}  // namespace

void fuse_quantize(Graph& graph) {
  const Chains chains(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_standard(graph.nodes[i], "QuantizeLinear")) continue;
    const auto wanted = find_quantisation(graph, graph.nodes[i]);
    std::optional<std::size_t> maker = chains.sole_maker(graph.nodes[i].inputs[0]);
    if (!wanted || !maker) continue;
    std::optional<std::size_t> relu;
    if (is_standard(graph.nodes[*maker], "Relu")) {
      relu = maker;
      maker = chains.sole_maker(graph.nodes[*relu].inputs[0]);
      if (!maker) continue;
    }
    Node& before = graph.nodes[*maker];
    const bool is_product = before.quantised && !before.quantised->output && !relu &&
                            before.quantised->input.dtype != DataType::Float32 &&
                            (before.op == "Conv" || before.op == "MatMul");
    const Activation activation{relu ? Activation::Kind::Relu : Activation::Kind::None, 0, 0};
    const bool taken = is_product ? take_product(graph, chains, before, *wanted)
                                  : take_sum(graph, chains, before, *wanted, activation) ||
                                        (!relu && take_gate(graph, chains, before, *wanted));
    if (!taken) continue;
    before.outputs = graph.nodes[i].outputs;
    dropped[i] = true;
    if (relu) dropped[*relu] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
