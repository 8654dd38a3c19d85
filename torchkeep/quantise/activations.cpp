#include "torchkeep/quantise/activations.h"

#include <algorithm>
#include <array>

namespace torchkeep::quantise {
namespace {

// As runtime/optimise/stay_quantised.cpp takes them; all but Concat have one tensor to move.
constexpr std::array<std::string_view, 8> kMovers{"Concat",    "Flatten",  "GlobalMaxPool",
                                                  "MaxPool",   "Reshape",  "Squeeze",
                                                  "Transpose", "Unsqueeze"};
// What a convolution takes over, so that nothing stands between both.
constexpr std::array<std::string_view, 3> kCurves{"Relu", "Clip", "HardSwish"};

template <typename List>
bool is_of(const List& list, const NodeProto& node) {
  return node.domain.empty() && std::ranges::find(list, node.op) != list.end();
}

bool is_mover(const NodeProto& node) {
  if (node.outputs.size() != 1) return false;
  const bool averages =
      is_standard(node, "AveragePool") && int_of(node, "count_include_pad", 0) == 0;
  return is_of(kMovers, node) || averages;
}

class Chooser {
 public:
  Chooser(const Source& source, const std::vector<Product>& products, bool portable)
      : source_(source), portable_(portable) {
    for (const Product& product : products) products_.emplace(product.node, &product);
    note_integers();
  }

  std::vector<Activation> choose() {
    for (const auto& [node, product] : products_) mark(source_.nodes()[node].inputs[0], {node, 0});
    // From the back, so that who reads a value is known before who makes it.
    for (std::size_t i = source_.nodes().size(); i-- > 0;) {
      const NodeProto& node = source_.nodes()[i];
      if (is_sum(node) && marked_.contains(behind_curve(node.outputs[0]))) {
        const std::optional<std::size_t> taker = find_taker(node);
        for (std::size_t k = 0; k < 2; ++k) {
          if (taker != k) mark(node.inputs[k], {i, k});
        }
      } else if (is_mover(node) && marked_.contains(node.outputs[0])) {
        move(node, i);
      } else if (is_standard(node, "GlobalAveragePool") && integers_.contains(node.inputs[0])) {
        mark(node.inputs[0], {i, 0});
      }
    }
    return collect();
  }

 private:
  /// The values that convolutions of integers make, and what is made of them without floats.
  void note_integers() {
    for (std::size_t i = 0; i < source_.nodes().size(); ++i) {
      const NodeProto& node = source_.nodes()[i];
      const auto product = products_.find(i);
      const bool is_conv =
          product != products_.end() && product->second->kind == Product::Kind::Conv;
      const auto is_integer = [&](std::size_t k) {
        return k < node.inputs.size() && integers_.contains(node.inputs[k]);
      };
      const bool follows = is_of(kCurves, node) || is_mover(node);
      const bool sums = is_standard(node, "Add") && is_integer(0) && is_integer(1);
      if (is_conv || sums || (follows && is_integer(0)) || is_swish(node))
        integers_.insert(node.outputs[0]);
    }
  }

  /// y * Sigmoid(y) of a convolution.
  bool is_swish(const NodeProto& node) const {
    if (!is_standard(node, "Mul") || node.inputs.size() != 2) return false;
    for (std::size_t side = 0; side < 2; ++side) {
      const std::optional<std::size_t> maker = source_.maker(node.inputs[side]);
      if (maker && is_standard(source_.nodes()[*maker], "Sigmoid") &&
          source_.nodes()[*maker].inputs[0] == node.inputs[1 - side])
        return integers_.contains(node.inputs[1 - side]);
    }
    return false;
  }

  bool is_sum(const NodeProto& node) const {
    return is_standard(node, "Add") && integers_.contains(node.outputs[0]);
  }

  /// Which side of a sum a convolution makes for it alone, the later one of two: it adds the other
  /// side to its own sums before it writes any (runtime/optimise/fuse_residual.cpp).
  std::optional<std::size_t> find_taker(const NodeProto& sum) const {
    std::optional<std::size_t> taker;
    if (portable_) return taker;
    for (std::size_t k = 0; k < 2; ++k) {
      const std::optional<std::size_t> maker = source_.maker(sum.inputs[k]);
      const bool alone =
          source_.readers(sum.inputs[k]).size() == 1 && !source_.read_elsewhere(sum.inputs[k]);
      if (!maker || !alone || !products_.contains(*maker)) continue;
      if (!taker || *maker > *source_.maker(sum.inputs[*taker])) taker = k;
    }
    return taker;
  }

  /// What a curve that alone reads the value makes of it; otherwise the value.
  std::string_view behind_curve(std::string_view value) const {
    const std::vector<Reading>& readers = source_.readers(value);
    if (readers.size() != 1 || source_.read_elsewhere(value)) return value;
    const NodeProto& reader = source_.nodes()[readers[0].node];
    return is_standard(reader, "Relu") ? reader.outputs[0] : value;
  }

  void mark(std::string_view value, const Reading& reading) {
    std::vector<Reading>& readings = marked_[value];
    readings.push_back(reading);
    groups_.emplace(value, value);
  }

  void move(const NodeProto& node, std::size_t index) {
    const std::size_t tensors = node.op == "Concat" ? node.inputs.size() : 1;
    for (std::size_t k = 0; k < tensors; ++k) {
      if (!integers_.contains(node.inputs[k])) return;
    }
    for (std::size_t k = 0; k < tensors; ++k) {
      mark(node.inputs[k], {index, k});
      groups_[find(node.inputs[k])] = find(node.outputs[0]);
    }
  }

  /// The one that stands for all of its group.
  std::string_view find(std::string_view value) const {
    for (auto at = groups_.find(value); at->second != value; at = groups_.find(value))
      value = at->second;
    return value;
  }

  std::vector<Activation> collect() const {
    std::vector<Activation> found;
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (const auto& [value, readings] : marked_) {
      const std::size_t group = numbers.emplace(find(value), numbers.size()).first->second;
      const bool by_all = integers_.contains(value);
      found.push_back({value, group, by_all ? source_.readers(value) : readings});
    }
    return found;
  }

  const Source& source_;
  const bool portable_;
  std::map<std::size_t, const Product*> products_;
  std::unordered_set<std::string_view> integers_;
  std::map<std::string_view, std::vector<Reading>> marked_;  // in an order that does not change
  std::unordered_map<std::string_view, std::string_view> groups_;
};

}  // namespace

std::vector<Activation> choose_activations(const Source& source,
                                           const std::vector<Product>& products, bool portable) {
  return Chooser(source, products, portable).choose();
}

}  // namespace torchkeep::quantise
