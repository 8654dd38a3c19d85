#include "torchkeep/runtime/plan/folded.h"

#include <algorithm>
#include <cstring>

namespace torchkeep::runtime::plan {
namespace {

using graph::Attribute;
using graph::Node;

constexpr std::size_t kMaxComparedBytes = 4096;  // larger ones are equal if they are one
constexpr std::size_t kMaxHashedBytes = 128;
constexpr std::ptrdiff_t kMostMissing = 16;  // nodes in a row that are not folded this time

void mix(std::size_t& hash, std::size_t more) { hash = (hash ^ more) * 0x9E3779B97F4A7C15U; }

bool holds_integers(DataType dtype) {
  return dtype == DataType::Int64 || dtype == DataType::Int32 || dtype == DataType::Bool;
}

std::size_t hash_of(const Node& node, const Folded::Values& inputs) {
  std::size_t hash = std::hash<std::string_view>()(node.op);
  for (const ConstantPointer& input : inputs) {
    if (!input) {
      mix(hash, 1);
      continue;
    }
    mix(hash, static_cast<std::size_t>(input->dtype()));
    for (const std::int64_t size : input->shape()) mix(hash, static_cast<std::size_t>(size));
    // Of shapes and indices, which plans are found by too; other elements are secrets.
    const ByteView bytes = input->bytes();
    if (!holds_integers(input->dtype()) || bytes.size() > kMaxHashedBytes) continue;
    mix(hash,
        std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  return hash;
}

bool is_same(const ConstantPointer& one, const ConstantPointer& other) {
  if (one == other) return true;
  if (!one || !other || one->dtype() != other->dtype() || one->shape() != other->shape())
    return false;
  const ByteView left = one->bytes(), right = other->bytes();
  return left.size() == right.size() && left.size() <= kMaxComparedBytes &&
         std::ranges::equal(left, right);
}

bool is_same(const std::optional<onnx::TensorProto>& one,
             const std::optional<onnx::TensorProto>& other) {
  if (!one || !other) return one.has_value() == other.has_value();
  return one->dtype == other->dtype && one->shape == other->shape && !one->external &&
         !other->external && one->raw && other->raw && std::ranges::equal(*one->raw, *other->raw);
}

bool is_same(const Attribute& one, const Attribute& other) {
  return one.name == other.name && one.type == other.type && one.i == other.i &&
         std::memcmp(&one.f, &other.f, sizeof one.f) == 0 && one.s == other.s &&
         one.ints == other.ints && one.floats == other.floats && one.strings == other.strings &&
         is_same(one.tensor, other.tensor) && one.graph.empty() && other.graph.empty();
}

/// Whether the optimiser has made something else of it than its operator says.
bool is_marked(const Node& node) {
  return node.activation.kind != graph::Activation::Kind::None || node.turned || node.biased ||
         node.scale != 1 || node.residual != graph::kLeftOut || node.quantised || node.attention ||
         node.rotation || node.panels || !node.bodies.empty();
}

bool is_same(const Node& one, const Node& other) {
  const auto alike = [](const Attribute& a, const Attribute& b) { return is_same(a, b); };
  const auto left_out_alike = [](graph::ValueId a, graph::ValueId b) {
    return (a == graph::kLeftOut) == (b == graph::kLeftOut);
  };
  return one.op == other.op && one.domain == other.domain && !is_marked(one) && !is_marked(other) &&
         std::ranges::equal(one.attributes, other.attributes, alike) &&
         std::ranges::equal(one.outputs, other.outputs, left_out_alike);
}

}  // namespace

const Folded::Values* Folded::find(const Node& node, const Values& inputs) const {
  const auto [first, last] = entries_.equal_range(hash_of(node, inputs));
  for (auto entry = first; entry != last; ++entry) {
    const auto same = [](const ConstantPointer& a, const ConstantPointer& b) {
      return is_same(a, b);
    };
    if (std::ranges::equal(entry->second.inputs, inputs, same) &&
        is_same(*entry->second.node, node))
      return &entry->second.outputs;
  }
  return nullptr;
}

void Folded::keep(const Node& node, Values inputs, Values outputs) {
  if (is_marked(node)) return;
  const std::size_t hash = hash_of(node, inputs);
  entries_.emplace(hash, Entry{&node, std::move(inputs), std::move(outputs)});
}

void FoldedBefore::begin() {
  std::swap(before_, now_);
  now_.clear();
  next_ = 0;
}

const FoldedBefore::Entry* FoldedBefore::find(const Node& node,
                                              std::span<const graph::Constant* const> inputs,
                                              std::uint64_t most_bytes) {
  // Nodes come in the order of the last plan; one that was folded then may be missing now.
  const auto from = before_.begin() + static_cast<std::ptrdiff_t>(next_),
             to = from + std::min<std::ptrdiff_t>(before_.end() - from, kMostMissing);
  const auto found = std::find_if(from, to, [&](const Entry& one) { return one.node == &node; });
  if (found == to) return nullptr;
  next_ = static_cast<std::size_t>(found - before_.begin()) + 1;
  const auto is_one = [](const ConstantPointer& one, const graph::Constant* other) {
    return one.get() == other;
  };
  if (found->bytes > most_bytes || !std::ranges::equal(found->inputs, inputs, is_one)) {
    stale_ = std::move(*found);
    return nullptr;
  }
  now_.push_back(std::move(*found));
  return &now_.back();
}

void FoldedBefore::keep(const Node& node, const Folded::Values& inputs,
                        const Folded::Values& outputs, std::uint64_t bytes) {
  stale_.node = &node;
  stale_.inputs = inputs;
  stale_.outputs = outputs;
  stale_.bytes = bytes;
  now_.push_back(std::move(stale_));
}

}  // namespace torchkeep::runtime::plan
