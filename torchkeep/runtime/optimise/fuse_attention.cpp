// Finds attention that is written out, heads' transpositions and a mask's sum or choice with it,
// and lets its second product stand for all of it.
//   q -> Transpose -> MatMul(., Transpose(k)) -> Add(., m) -> Softmax -> MatMul(., Transpose(v))
//     -> Transpose                  becomes        MatMul(q, k, v, m), marked as attention
// It comes after whatever looks at a MatMul's marks.
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/patterns.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;
using graph::WrittenAttention;
using Permutation = std::vector<std::int64_t>;

/// A value in memory, and which of its dimensions each that is wanted is; empty: the same.
struct Seen {
  ValueId value = graph::kLeftOut;
  Permutation permutation;
};

struct Masked {
  std::size_t product = 0;  ///< The node that makes the scores.
  WrittenAttention::Mask kind = WrittenAttention::Mask::None;
  ValueId mask = graph::kLeftOut;
  float replacement = 0;
  std::optional<std::size_t> node;
};

class Finder {
 public:
  /// `dropped`: a mark for each node that is taken over.
  Finder(Graph& graph, std::vector<bool>& dropped)
      : graph_(graph), patterns_(graph), dropped_(dropped) {}

  /// Makes the product at `last` stand for attention, if it ends one.
  void take(std::size_t last) {
    if (!is_plain_product(last) || graph_.nodes[last].scale != 1) return;
    const auto softmax = patterns_.sole_maker(graph_.nodes[last].inputs[0]);
    if (!softmax || !is_over_last_dimension(graph_.nodes[*softmax])) return;
    const std::optional<Masked> masked = find_scores(graph_.nodes[*softmax].inputs[0]);
    if (!masked) return;
    const Node& scores = graph_.nodes[masked->product];
    float scale = scores.scale;
    const ValueId queries = without_factor(scores.inputs[0], scale),
                  keys = without_factor(scores.inputs[1], scale);
    const std::optional<Seen> key = find_keys(keys);
    if (!key) return;
    const Seen query = without_transposition({queries, {}}),
               value = without_transposition({graph_.nodes[last].inputs[1], {}});
    WrittenAttention attention;
    attention.query = query.permutation;
    attention.key = key->permutation;
    attention.value = value.permutation;
    attention.mask = masked->kind;
    attention.replacement = masked->replacement;
    Node& node = graph_.nodes[last];
    if (const auto after = find_transposition_after(node.outputs[0])) {
      attention.output = inverse(permutation_of(graph_.nodes[*after]));
      node.outputs = graph_.nodes[*after].outputs;
      dropped_[*after] = true;
    }
    node.inputs = {query.value, key->value, value.value};
    if (masked->kind != WrittenAttention::Mask::None) node.inputs.push_back(masked->mask);
    node.scale = scale;
    node.attention = std::move(attention);
    dropped_[*softmax] = dropped_[masked->product] = true;
    if (masked->node) dropped_[*masked->node] = true;
  }

 private:
  bool is_plain_product(std::size_t index) const {
    const Node& node = graph_.nodes[index];
    return node.op == "MatMul" && node.domain.empty() && !node.turned && !node.biased &&
           !node.attention && node.residual == graph::kLeftOut &&
           node.activation.kind == graph::Activation::Kind::None;
  }

  bool is_over_last_dimension(const Node& node) const {
    if (node.op != "Softmax") return false;
    const graph::Attribute* axis = find_attribute(node, "axis");
    return axis == nullptr ? graph_.opset >= 13 : axis->i == -1;
  }

  /// The product that makes what a softmax reads, and what is done to it before.
  std::optional<Masked> find_scores(ValueId value) const {
    const auto maker = patterns_.sole_maker(value);
    if (!maker) return std::nullopt;
    if (is_plain_product(*maker))
      return Masked{*maker, WrittenAttention::Mask::None, graph::kLeftOut, 0, std::nullopt};
    const Node& node = graph_.nodes[*maker];
    const auto product_of = [&](ValueId side) -> std::optional<std::size_t> {
      const auto product = patterns_.sole_maker(side);
      if (!product || !is_plain_product(*product)) return std::nullopt;
      return product;
    };
    using Mask = WrittenAttention::Mask;
    if (node.op == "Add") {
      for (std::size_t side = 0; side < 2; ++side) {
        if (const auto product = product_of(node.inputs[side]))
          return Masked{*product, Mask::Added, node.inputs[1 - side], 0, *maker};
      }
    }
    if (node.op == "Where") {
      for (std::size_t side = 0; side < 2; ++side) {
        const auto product = product_of(node.inputs[1 + side]);
        const auto number = patterns_.find_number(node.inputs[2 - side]);
        if (!product || !number) continue;
        const Mask kind = side == 1 ? Mask::Replaced : Mask::ReplacedNot;
        return Masked{*product, kind, node.inputs[0], *number, *maker};
      }
    }
    return std::nullopt;
  }

  /// What `value` is a number times, which `scale` is multiplied by.
  ValueId without_factor(ValueId value, float& scale) const {
    const auto maker = patterns_.sole_maker(value);
    if (!maker) return value;
    const Node& node = graph_.nodes[*maker];
    if (node.op != "Mul" && node.op != "Div") return value;
    for (std::size_t side = 0; side < 2; ++side) {
      if (node.op == "Div" && side == 0) continue;
      const auto number = patterns_.find_number(node.inputs[side]);
      if (!number) continue;
      const float factor = node.op == "Mul" ? *number : 1 / *number;
      // What others make of zeros and infinities is the operator's own to say.
      if (!(factor > 1e-6F && factor < 1e6F)) continue;
      scale *= factor;
      return node.inputs[1 - side];
    }
    return value;
  }

  static Permutation permutation_of(const Node& node) {
    const graph::Attribute* found = find_attribute(node, "perm");
    return found == nullptr ? Permutation() : found->ints;
  }

  static Permutation inverse(const Permutation& permutation) {
    Permutation result(permutation.size());
    for (std::size_t i = 0; i < permutation.size(); ++i)
      result[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
    return result;
  }

  static bool keeps_last(const Permutation& permutation) {
    return permutation.size() > 1 && permutation.back() == std::ssize(permutation) - 1;
  }

  /// The tensor before transpositions that keep a row's elements neighbours.
  Seen without_transposition(Seen seen) const {
    while (const auto maker = patterns_.maker(seen.value)) {
      const Node& node = graph_.nodes[*maker];
      // One that an attention before took over makes nothing any more.
      if (node.op != "Transpose" || dropped_[*maker]) break;
      Permutation all = permutation_of(node);
      if (!seen.permutation.empty()) {
        if (all.size() != seen.permutation.size()) break;
        Permutation joined;
        for (const std::int64_t dimension : seen.permutation)
          joined.push_back(all[static_cast<std::size_t>(dimension)]);
        all = std::move(joined);
      }
      if (!keeps_last(all)) break;
      seen = {node.inputs[0], std::move(all)};
    }
    return seen;
  }

  /// Keys as rows; the product reads them as columns.
  std::optional<Seen> find_keys(ValueId value) const {
    const auto maker = patterns_.maker(value);
    if (!maker || graph_.nodes[*maker].op != "Transpose" || dropped_[*maker]) return std::nullopt;
    Permutation rows = permutation_of(graph_.nodes[*maker]);
    if (rows.size() < 2) return std::nullopt;
    std::swap(rows[rows.size() - 1], rows[rows.size() - 2]);
    if (!keeps_last(rows)) return std::nullopt;
    return without_transposition({graph_.nodes[*maker].inputs[0], std::move(rows)});
  }

  std::optional<std::size_t> find_transposition_after(ValueId value) const {
    const auto reader = patterns_.sole_reader(value);
    if (!reader || graph_.nodes[*reader].op != "Transpose") return std::nullopt;
    if (!keeps_last(permutation_of(graph_.nodes[*reader]))) return std::nullopt;
    return reader;
  }

  Graph& graph_;
  Patterns patterns_;
  std::vector<bool>& dropped_;
};

}  // namespace

void fuse_attention(Graph& graph) {
  std::vector<bool> dropped(graph.nodes.size(), false);
  Finder finder(graph, dropped);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) finder.take(i);
  graph.remove_nodes(dropped);
}

}  // namespace torchkeep::runtime::optimise
