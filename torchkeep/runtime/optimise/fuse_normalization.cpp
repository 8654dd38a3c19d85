// Finds layer normalisation as exporters before operator set 17 write it.
//   d = x - ReduceMean(x);  y = d / Sqrt(ReduceMean(d^2) + epsilon) * scale + shift
//                                 becomes        y = LayerNormalization(x, scale, shift)
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
    if (patterns_.node(last).op != "Add") return std::nullopt;
    Normalization found;
    const auto scaled = patterns_.other_side(patterns_.node(last), [&](ValueId value) {
      found.shift = value;
      return is_vector(graph_, value);
    });
    const auto product = scaled ? patterns_.maker_of(*scaled, "Mul") : std::nullopt;
    if (!product) return std::nullopt;
    const auto quotient = patterns_.other_side(patterns_.node(*product), [&](ValueId value) {
      found.scale = value;
      return is_vector(graph_, value);
    });
    const auto division = quotient ? patterns_.maker_of(*quotient, "Div") : std::nullopt;
    if (!division || shape_of(found.scale) != shape_of(found.shift)) return std::nullopt;
    found.nodes = {*product, *division};
    const ValueId centred = patterns_.node(*division).inputs[0];
    const auto root = patterns_.maker_of(patterns_.node(*division).inputs[1], "Sqrt");
    if (!root) return std::nullopt;
    found.nodes.push_back(*root);
    const auto squares =
        take_mean_and_epsilon(graph_, patterns_, patterns_.node(*root).inputs[0], found);
    const auto square = squares ? find_square(patterns_, *squares, centred) : std::nullopt;
    if (!square || !take_difference(centred, square->second, found)) return std::nullopt;
    found.nodes.push_back(square->first);
    return found;
  }

 private:
  const Shape& shape_of(ValueId value) const { return graph_.values[value].constant->shape(); }

  /// `centred` is x - mean(x), read by the division, by the square and by nobody else.
  bool take_difference(ValueId centred, std::uint32_t readings, Normalization& found) const {
    const auto difference = patterns_.maker(centred);
    if (!difference || patterns_.node(*difference).op != "Sub" ||
        patterns_.uses(centred) != readings + 1)
      return false;
    found.of = patterns_.node(*difference).inputs[0];
    const auto mean = find_mean(graph_, patterns_, patterns_.node(*difference).inputs[1]);
    if (!mean || patterns_.node(*mean).inputs[0] != found.of) return false;
    found.nodes.insert(found.nodes.end(), {*difference, *mean});
    return true;
  }

  const Graph& graph_;
  Patterns patterns_;
};

}  // namespace

void fuse_normalization(Graph& graph) {
  const Finder finder(graph);
  take_normalizations(graph, "LayerNormalization",
                      [&](std::size_t last) { return finder.find(last); });
}

}  // namespace torchkeep::runtime::optimise
