// Finds rotary positions that are written out, with halves that Slice or Split cut.
//   a, b = halves of x;  y = x * cos + Concat(-b, a) * sin
//                                 becomes        y = RotaryEmbedding(x, cos, sin), marked
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/patterns.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;
using graph::WrittenRotation;

struct Rotation {
  ValueId of = graph::kLeftOut, cosines = graph::kLeftOut, sines = graph::kLeftOut;
  std::vector<ValueId> bounds;  ///< Of the negated piece and the other, if Slice cuts them.
  WrittenRotation written;
  std::vector<std::size_t> nodes;
};

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), patterns_(graph) {}

  std::optional<Rotation> find(std::size_t last) const {
    const Node& sum = patterns_.node(last);
    if (sum.op != "Add" || !sum.domain.empty() || sum.inputs.size() != 2 || sum.quantised)
      return std::nullopt;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto straight = patterns_.maker_of(sum.inputs[side], "Mul"),
                 turned = patterns_.maker_of(sum.inputs[1 - side], "Mul");
      if (!straight || !turned) return std::nullopt;
      Rotation found;
      if (!take_turned(*turned, found)) continue;
      const auto cosines = patterns_.other_side(patterns_.node(*straight),
                                                [&](ValueId value) { return value == found.of; });
      if (!cosines) continue;
      found.cosines = *cosines;
      found.nodes.push_back(*straight);
      return found;
    }
    return std::nullopt;
  }

 private:
  /// The product of the sines and of pieces of x that change places.
  bool take_turned(std::size_t product, Rotation& found) const {
    const auto sines = patterns_.other_side(patterns_.node(product), [&](ValueId value) {
      const auto join = patterns_.maker_of(value, "Concat");
      if (!join) return false;
      Rotation tried = found;
      if (!take_pieces(*join, tried)) return false;
      found = std::move(tried);
      return true;
    });
    if (!sines) return false;
    found.sines = *sines;
    found.nodes.push_back(product);
    return true;
  }

  bool take_pieces(std::size_t join, Rotation& found) const {
    const Node& node = patterns_.node(join);
    const graph::Attribute* axis = find_attribute(node, "axis");
    if (node.inputs.size() != 2 || axis == nullptr) return false;
    const auto negation = patterns_.maker_of(node.inputs[0], "Neg");
    if (!negation) return false;
    found.written.axes.push_back(axis->i);
    found.nodes.insert(found.nodes.end(), {join, *negation});
    const ValueId negated = patterns_.node(*negation).inputs[0], other = node.inputs[1];
    return take_halves(negated, other, found) ||
           (take_slice(negated, found) && take_slice(other, found));
  }

  /// The outputs of one Split, the second of which is negated.
  bool take_halves(ValueId negated, ValueId other, Rotation& found) const {
    const auto split = patterns_.maker_of(negated, "Split");
    if (!split || patterns_.maker_of(other, "Split") != split) return false;
    const Node& node = patterns_.node(*split);
    if (node.outputs.size() != 2 || node.outputs[0] != other) return false;
    const graph::Attribute *axis = find_attribute(node, "axis"),
                           *sizes = find_attribute(node, "split");
    std::vector<std::int64_t> halves = sizes == nullptr ? std::vector<std::int64_t>() : sizes->ints;
    if (node.inputs.size() > 1 && node.inputs[1] != graph::kLeftOut) {
      const auto known = find_ints(node.inputs[1]);
      if (!known) return false;
      halves = *known;
    }
    if (!halves.empty()) {
      if (halves.size() != 2 || halves[0] != halves[1]) return false;
      found.written.half = halves[0];
    }
    found.of = node.inputs[0];
    found.written.axes.push_back(axis == nullptr ? 0 : axis->i);
    found.nodes.push_back(*split);
    return true;
  }

  /// A Slice along one dimension, by steps of 1; bounds may be known only when a plan is made.
  bool take_slice(ValueId value, Rotation& found) const {
    const auto slice = patterns_.maker_of(value, "Slice");
    if (!slice) return false;
    const Node& node = patterns_.node(*slice);
    if (node.inputs.size() < 4 || (found.of != graph::kLeftOut && found.of != node.inputs[0]))
      return false;
    const auto axes = find_ints(node.inputs[3]);
    if (!axes || axes->size() != 1) return false;
    if (node.inputs.size() > 4 && node.inputs[4] != graph::kLeftOut &&
        find_ints(node.inputs[4]) != std::vector<std::int64_t>{1})
      return false;
    found.of = node.inputs[0];
    found.written.axes.push_back((*axes)[0]);
    found.bounds.insert(found.bounds.end(), {node.inputs[1], node.inputs[2]});
    found.nodes.push_back(*slice);
    return true;
  }

  /// Of a parameter.
  std::optional<std::vector<std::int64_t>> find_ints(ValueId value) const {
    if (value == graph::kLeftOut || !graph_.values[value].constant) return std::nullopt;
    const auto ints = graph::to_ints(*graph_.values[value].constant);
    return ints ? std::optional(*ints) : std::nullopt;
  }

  const Graph& graph_;
  Patterns patterns_;
};

}  // namespace

void fuse_rotation(Graph& graph) {
  const Finder finder(graph);
  std::vector<bool> dropped(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    std::optional<Rotation> found = finder.find(i);
    if (!found) continue;
    Node& node = graph.nodes[i];
    node.op = "RotaryEmbedding";
    node.recognised = true;
    node.inputs = {found->of, found->cosines, found->sines};
    node.inputs.insert(node.inputs.end(), found->bounds.begin(), found->bounds.end());
    node.attributes.clear();
    node.rotation = std::move(found->written);
    for (const std::size_t taken : found->nodes) dropped[taken] = true;
  }
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
