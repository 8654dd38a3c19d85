// Finds functions that are written out in several nodes, and lets the convolution or matrix
// product before them bend its own result. GELU by the error function or by the hyperbolic
// tangent, and SiLU:
//   y -> Div(., sqrt 2) -> Erf -> Add(., 1) -> Mul(y, .) -> Mul(., 0.5)
//   y -> Sigmoid -> Mul(y, .)         become         the maker of y, then the function
#include <cmath>

#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/patterns.h"

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
  std::uint32_t readings = 0;      ///< Of that value, by these nodes.
  std::vector<std::size_t> nodes;  ///< The last one first.
};

class Finder {
 public:
  explicit Finder(const Graph& graph) : patterns_(graph) {}

  std::optional<Curve> find(std::size_t last) const {
    if (patterns_.node(last).op != "Mul") return std::nullopt;
    std::optional<Curve> curve = find_swish(last);
    if (!curve) curve = find_gelu(last);
    return curve ? curve : find_gelu_by_tanh(last);
  }

  /// Who makes `value`, if all its `readers` are known and it takes a curve.
  std::optional<std::size_t> find_taker(ValueId value, std::uint32_t readers) const {
    const std::optional<std::size_t> maker = patterns_.maker(value);
    if (!maker || patterns_.uses(value) != readers) return std::nullopt;
    const Node& node = patterns_.node(*maker);
    const bool takes = node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul";
    if (!takes || node.activation.kind != Activation::Kind::None) return std::nullopt;
    return maker;
  }

 private:
  static constexpr std::size_t kMostNodes = 12;  // no function that is looked for has more

  // y * Sigmoid(y)
  std::optional<Curve> find_swish(std::size_t last) const {
    const Node& product = patterns_.node(last);
    for (std::size_t side = 0; side < 2; ++side) {
      const auto sigmoid = patterns_.maker_of(product.inputs[side], "Sigmoid");
      if (!sigmoid || patterns_.node(*sigmoid).inputs[0] != product.inputs[1 - side]) continue;
      return Curve{Activation::Kind::Swish, product.inputs[1 - side], 2, {last, *sigmoid}};
    }
    return std::nullopt;
  }

  // (y * (Erf(y / sqrt 2) + 1)) * 0.5
  std::optional<Curve> find_gelu(std::size_t last) const {
    const auto half = patterns_.other_side(patterns_.node(last),
                                           [&](ValueId v) { return patterns_.is_number(v, 0.5F); });
    if (!half) return std::nullopt;
    const auto product = patterns_.maker_of(*half, "Mul");
    if (!product) return std::nullopt;
    for (std::size_t side = 0; side < 2; ++side) {
      const ValueId of = patterns_.node(*product).inputs[1 - side];
      const auto sum = patterns_.maker_of(patterns_.node(*product).inputs[side], "Add");
      if (!sum) continue;
      const auto bent = patterns_.other_side(patterns_.node(*sum),
                                             [&](ValueId v) { return patterns_.is_number(v, 1); });
      const auto erf = bent ? patterns_.maker_of(*bent, "Erf") : std::nullopt;
      if (!erf) continue;
      const auto scaled = patterns_.sole_maker(patterns_.node(*erf).inputs[0]);
      if (!scaled || !is_over_root_two(patterns_.node(*scaled), of)) continue;
      return Curve{Activation::Kind::Gelu, of, 2, {last, *product, *sum, *erf, *scaled}};
    }
    return std::nullopt;
  }

  bool is_over_root_two(const Node& node, ValueId of) const {
    if (node.op == "Div")
      return node.inputs[0] == of && patterns_.is_number(node.inputs[1], std::sqrt(2.0F));
    if (node.op != "Mul") return false;
    const auto factor = patterns_.other_side(node, [&](ValueId v) { return v == of; });
    return factor && patterns_.is_number(*factor, std::sqrt(0.5F));
  }

  /// The factors of a product of several nodes, each made for the next alone.
  void collect(ValueId value, std::vector<ValueId>& factors,
               std::vector<std::size_t>& nodes) const {
    const auto product = patterns_.maker_of(value, "Mul");
    if (!product || nodes.size() >= kMostNodes) {
      factors.push_back(value);
      return;
    }
    nodes.push_back(*product);
    for (const ValueId side : patterns_.node(*product).inputs) collect(side, factors, nodes);
  }

  /// Takes a factor that is this number out of the list, if there is one.
  bool take_number(std::vector<ValueId>& factors, float wanted) const {
    const auto found = std::ranges::find_if(
        factors, [&](ValueId value) { return patterns_.is_number(value, wanted); });
    if (found == factors.end()) return false;
    factors.erase(found);
    return true;
  }

  // 0.5 * y * (1 + Tanh(sqrt(2 / pi) * (y + 0.044715 * y^3))), in any order of the factors
  std::optional<Curve> find_gelu_by_tanh(std::size_t last) const {
    Curve curve{Activation::Kind::GeluByTanh, kLeftOut, 0, {last}};
    std::vector<ValueId> factors;
    for (const ValueId side : patterns_.node(last).inputs) collect(side, factors, curve.nodes);
    if (factors.size() != 3 || !take_number(factors, 0.5F)) return std::nullopt;
    for (std::size_t side = 0; side < 2; ++side) {
      curve.of = factors[1 - side];
      const auto sum = patterns_.maker_of(factors[side], "Add");
      const auto bent =
          sum ? patterns_.other_side(patterns_.node(*sum),
                                     [&](ValueId v) { return patterns_.is_number(v, 1); })
              : std::nullopt;
      const auto tanh = bent ? patterns_.maker_of(*bent, "Tanh") : std::nullopt;
      if (!tanh) continue;
      curve.nodes.insert(curve.nodes.end(), {*sum, *tanh});
      curve.readings = 1;
      return take_inner(patterns_.node(*tanh).inputs[0], curve) ? std::optional(curve)
                                                                : std::nullopt;
    }
    return std::nullopt;
  }

  // sqrt(2 / pi) * (y + 0.044715 * y^3)
  bool take_inner(ValueId inner, Curve& curve) const {
    std::vector<ValueId> factors, cubes;
    collect(inner, factors, curve.nodes);
    if (factors.size() != 2 || !take_number(factors, 0.79788456F)) return false;
    const auto sum = patterns_.maker_of(factors[0], "Add");
    const auto cube =
        sum ? patterns_.other_side(patterns_.node(*sum), [&](ValueId v) { return v == curve.of; })
            : std::nullopt;
    if (!cube) return false;
    curve.nodes.push_back(*sum);
    ++curve.readings;
    collect(*cube, cubes, curve.nodes);
    if (!take_number(cubes, 0.044715F)) return false;
    if (cubes.size() == 3) {
      curve.readings += 3;
      return std::ranges::all_of(cubes, [&](ValueId v) { return v == curve.of; });
    }
    const auto power = cubes.size() == 1 ? patterns_.maker_of(cubes[0], "Pow") : std::nullopt;
    if (!power || patterns_.node(*power).inputs[0] != curve.of ||
        !patterns_.is_number(patterns_.node(*power).inputs[1], 3))
      return false;
    curve.nodes.push_back(*power);
    ++curve.readings;
    return true;
  }

  Patterns patterns_;
};

}  // namespace

void fuse_curves(Graph& graph) {
  const Finder finder(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Curve> curve = finder.find(i);
    if (!curve) continue;
    // Nobody else may read what it bends.
    const std::optional<std::size_t> taker = finder.find_taker(curve->of, curve->readings);
    if (!taker) continue;
    graph.nodes[*taker].activation = {curve->kind, 0, 0};
    graph.nodes[*taker].outputs = graph.nodes[i].outputs;
    for (const std::size_t node : curve->nodes) dropped[node] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
