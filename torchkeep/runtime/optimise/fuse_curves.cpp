#include <cmath>

#include "torchkeep/runtime/optimise/chains.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Activation;
using graph::Graph;
using graph::kLeftOut;
using graph::Node;
using graph::ValueId;

/// A function that ends in one node and was made by others, all of one value alone.
struct Curve {
  Activation::Kind kind;
  ValueId of;
  std::vector<std::size_t> nodes;  ///< The last one first.
};

class Finder {
 public:
  explicit Finder(const Graph& graph)
      : graph_(graph),
        chains_(graph),
        uses_(graph.count_uses()),
        makers_(graph.values.size(), kNobody) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const ValueId output : graph.nodes[i].outputs) {
        if (output != kLeftOut) makers_[output] = i;
      }
    }
  }

  std::optional<Curve> find(std::size_t last) const {
    std::optional<Curve> curve = find_swish(last);
    return curve ? curve : find_gelu(last);
  }

  /// Who makes `value`, if all its `readers` are known and it takes a curve.
  std::optional<std::size_t> find_taker(ValueId value, std::uint32_t readers) const {
    const std::size_t maker = makers_[value];
    if (maker == kNobody || uses_[value] != readers) return std::nullopt;
    const Node& node = graph_.nodes[maker];
    const bool takes = node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul";
    if (!takes || node.activation.kind != Activation::Kind::None) return std::nullopt;
    return maker;
  }

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};

  /// Of a node with two inputs, those in the order in which `first` accepts the first.
  template <typename F>
  std::optional<ValueId> other_side(const Node& node, const F& accepts) const {
    if (node.inputs.size() != 2 || node.inputs[0] == node.inputs[1]) return std::nullopt;
    if (accepts(node.inputs[0])) return node.inputs[1];
    if (accepts(node.inputs[1])) return node.inputs[0];
    return std::nullopt;
  }

  bool is_number(ValueId value, float wanted) const {
    const std::shared_ptr<const graph::Constant> constant = graph_.values[value].constant;
    return constant && constant->dtype() == DataType::Float32 && constant->shape().empty() &&
           std::abs(constant->elements<float>()[0] - wanted) <= 1e-5F * wanted;
  }

  /// The node of this operator that makes `value` for one reader.
  std::optional<std::size_t> maker_of(ValueId value, std::string_view op) const {
    const std::optional<std::size_t> maker = chains_.sole_maker(value);
    if (!maker || graph_.nodes[*maker].op != op) return std::nullopt;
    return maker;
  }

  // y * Sigmoid(y)
  std::optional<Curve> find_swish(std::size_t last) const {
    const Node& product = graph_.nodes[last];
    if (product.op != "Mul") return std::nullopt;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto sigmoid = maker_of(product.inputs[side], "Sigmoid");
      if (!sigmoid || graph_.nodes[*sigmoid].inputs[0] != product.inputs[1 - side]) continue;
      return Curve{Activation::Kind::Swish, product.inputs[1 - side], {last, *sigmoid}};
    }
    return std::nullopt;
  }

  // (y * (Erf(y / sqrt 2) + 1)) * 0.5
  std::optional<Curve> find_gelu(std::size_t last) const {
    if (graph_.nodes[last].op != "Mul") return std::nullopt;
    const auto half = other_side(graph_.nodes[last], [&](ValueId v) { return is_number(v, 0.5F); });
    if (!half) return std::nullopt;
    const auto product = maker_of(*half, "Mul");
    if (!product) return std::nullopt;
    for (std::size_t side = 0; side < 2; ++side) {
      const ValueId of = graph_.nodes[*product].inputs[1 - side];
      const auto sum = maker_of(graph_.nodes[*product].inputs[side], "Add");
      if (!sum) continue;
      const auto bent = other_side(graph_.nodes[*sum], [&](ValueId v) { return is_number(v, 1); });
      const auto erf = bent ? maker_of(*bent, "Erf") : std::nullopt;
      if (!erf) continue;
      const auto scaled = chains_.sole_maker(graph_.nodes[*erf].inputs[0]);
      if (!scaled || !is_over_root_two(graph_.nodes[*scaled], of)) continue;
      return Curve{Activation::Kind::Gelu, of, {last, *product, *sum, *erf, *scaled}};
    }
    return std::nullopt;
  }

  bool is_over_root_two(const Node& node, ValueId of) const {
    if (node.op == "Div") return node.inputs[0] == of && is_number(node.inputs[1], std::sqrt(2.0F));
    if (node.op != "Mul") return false;
    const auto factor = other_side(node, [&](ValueId v) { return v == of; });
    return factor && is_number(*factor, std::sqrt(0.5F));
  }

  const Graph& graph_;
  Chains chains_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::size_t> makers_;
};

}  // namespace

void fuse_curves(Graph& graph) {
  const Finder finder(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Curve> curve = finder.find(i);
    if (!curve) continue;
    // Both functions read their value twice, and nobody else may.
    const std::optional<std::size_t> taker = finder.find_taker(curve->of, 2);
    if (!taker) continue;
    graph.nodes[*taker].activation = {curve->kind, 0, 0};
    graph.nodes[*taker].outputs = graph.nodes[i].outputs;
    for (const std::size_t node : curve->nodes) dropped[node] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
