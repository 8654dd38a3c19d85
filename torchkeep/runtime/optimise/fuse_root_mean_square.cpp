// Finds normalisation by the root mean square that is written out, a root's reciprocal too.
//   x / Sqrt(ReduceMean(x^2) + epsilon) * scale
//                                 becomes        y = RMSNormalization(x, scale)
#include "torchkeep/runtime/optimise/mean_square.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), patterns_(graph) {}

  std::optional<Normalization> find(std::size_t last) const {
    if (patterns_.node(last).op != "Mul" || !patterns_.node(last).domain.empty())
      return std::nullopt;
    Normalization found;
    const auto quotient = patterns_.other_side(patterns_.node(last), [&](ValueId value) {
      found.scale = value;
      return is_vector(graph_, value);
    });
    if (!quotient) return std::nullopt;
    const auto root = take_quotient(*quotient, found);
    const auto squares =
        root ? take_mean_and_epsilon(graph_, patterns_, *root, found) : std::nullopt;
    const auto square = squares ? find_square(patterns_, *squares, found.of) : std::nullopt;
    if (!square) return std::nullopt;
    found.nodes.push_back(square->first);
    return found;
  }

 private:
  /// `value` is x over a root: returns what the root is of.
  std::optional<ValueId> take_quotient(ValueId value, Normalization& found) const {
    if (const auto division = patterns_.maker_of(value, "Div")) {
      found.of = patterns_.node(*division).inputs[0];
      found.nodes.push_back(*division);
      return take_root(patterns_.node(*division).inputs[1], found);
    }
    const auto product = patterns_.maker_of(value, "Mul");
    if (!product) return std::nullopt;
    found.nodes.push_back(*product);
    std::optional<ValueId> root;
    const auto of = patterns_.other_side(patterns_.node(*product), [&](ValueId side) {
      root = take_factor(side, found);
      return root.has_value();
    });
    if (!of) return std::nullopt;
    found.of = *of;
    return root;
  }

  /// `value` is one over a root.
  std::optional<ValueId> take_factor(ValueId value, Normalization& found) const {
    auto maker = patterns_.maker_of(value, "Reciprocal");
    std::size_t place = 0;
    if (!maker) {
      maker = patterns_.maker_of(value, "Div");
      if (!maker || !is_one(patterns_.node(*maker).inputs[0])) return std::nullopt;
      place = 1;
    }
    const auto root = take_root(patterns_.node(*maker).inputs[place], found);
    if (root) found.nodes.push_back(*maker);
    return root;
  }

  std::optional<ValueId> take_root(ValueId value, Normalization& found) const {
    const auto root = patterns_.maker_of(value, "Sqrt");
    if (!root) return std::nullopt;
    found.nodes.push_back(*root);
    return patterns_.node(*root).inputs[0];
  }

  /// Also with one dimension of 1, as torch writes it: the mean has more than that.
  bool is_one(ValueId value) const {
    if (value == graph::kLeftOut) return false;
    const auto& constant = graph_.values[value].constant;
    return constant && constant->dtype() == DataType::Float32 &&
           (constant->shape().empty() || constant->shape() == Shape{1}) &&
           std::as_const(*constant).elements<float>()[0] == 1;
  }

  const Graph& graph_;
  Patterns patterns_;
};

}  // namespace

void fuse_root_mean_square(Graph& graph) {
  const Finder finder(graph);
  take_normalizations(graph, "RMSNormalization",
                      [&](std::size_t last) { return finder.find(last); });
}

}  // namespace torchkeep::runtime::optimise
