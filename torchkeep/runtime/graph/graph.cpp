#include "torchkeep/runtime/graph/graph.h"

#include <algorithm>
#include <cmath>

namespace torchkeep::runtime::graph {

Constant::Constant(DataType dtype, Shape shape, std::shared_ptr<SecretBytes> memory,
                   std::size_t offset, std::size_t size)
    : dtype_(dtype),
      shape_(std::move(shape)),
      memory_(std::move(memory)),
      offset_(offset),
      size_(size) {
  TORCHKEEP_CHECK(offset <= memory_->size() && size <= memory_->size() - offset);
}

Constant::~Constant() {
  // Memory of its own is wiped when freed; a part of a larger one goes here and now.
  if (memory_ == nullptr) return;  // given away
  if (size_ < memory_->size()) memory_->discard(offset_, size_);
}

void give_away(std::shared_ptr<Constant> constant, Shelf& shelf) {
  if (constant == nullptr || constant.use_count() != 1) return;
  if (constant->size_ == constant->memory_->size()) return;  // its own memory, wiped when it goes
  shelf.give(std::move(constant->memory_), constant->offset_, constant->size_);
}

Result<std::shared_ptr<Constant>> Constant::make(DataType dtype, Shape shape) {
  const std::uint64_t size = TRY(byte_count(dtype, shape));
  return std::make_shared<Constant>(dtype, std::move(shape), std::make_shared<SecretBytes>(size), 0,
                                    size);
}

ByteView Constant::bytes() const {
  return std::as_const(*memory_).expose().subspan(offset_, size_);
}
void Constant::discard(std::size_t offset, std::size_t size) {
  TORCHKEEP_CHECK(offset <= size_ && size <= size_ - offset);
  memory_->discard(offset_ + offset, size);
}

MutableByteView Constant::bytes() { return memory_->expose().subspan(offset_, size_); }

Result<std::vector<std::int64_t>> to_ints(const Constant& constant) {
  if (constant.dtype() == DataType::Int64) {
    const auto elements = constant.elements<std::int64_t>();
    return std::vector<std::int64_t>(elements.begin(), elements.end());
  }
  if (constant.dtype() == DataType::Int32) {
    const auto elements = constant.elements<std::int32_t>();
    return std::vector<std::int64_t>(elements.begin(), elements.end());
  }
  return malformed("integers are wanted, ", name_of(constant.dtype()), " was found");
}

float Activation::apply(float value) const {
  switch (kind) {
    case Kind::None: return value;
    case Kind::Relu: return value < 0 ? 0 : value;
    case Kind::Clip: return value < low ? low : value > high ? high : value;
    case Kind::GeluByTanh:
      return 0.5F * value *
             (1 + std::tanh(0.79788456F * (value + 0.044715F * value * value * value)));
    case Kind::Gelu: return 0.5F * value * (1 + std::erf(value * 0.70710678F));
    case Kind::Swish: return value / (1 + std::exp(-value));
    case Kind::HardSwish: break;
  }
  return value * std::min(std::max(value / 6 + 0.5F, 0.0F), 1.0F);
}

std::vector<ValueId> Node::reads() const {
  std::vector<ValueId> all = inputs;
  all.insert(all.end(), captures.begin(), captures.end());
  if (residual != kLeftOut) all.push_back(residual);
  return all;
}

std::string describe(const Node& node, std::string_view first_output) {
  if (!node.name.empty()) return text("operator ", node.op, " (node ", node.name, ")");
  return text("operator ", node.op, " (the node that makes ", first_output, ")");
}

std::string Graph::describe(const Node& node) const {
  for (const ValueId output : node.outputs) {
    if (output != kLeftOut) return graph::describe(node, values[output].name);
  }
  return graph::describe(node, "nothing");
}

std::vector<std::uint32_t> Graph::count_uses() const {
  std::vector<std::uint32_t> uses(values.size());
  for (const Node& node : nodes) {
    for (const ValueId read : node.reads()) {
      if (read != kLeftOut) ++uses[read];
    }
  }
  for (const ValueId output : outputs) ++uses[output];
  return uses;
}

namespace {

void rename_in(std::vector<Node>& nodes, const std::vector<ValueId>& to) {
  const auto renamed = [&](ValueId value) { return value == kLeftOut ? value : to[value]; };
  for (Node& node : nodes) {
    std::ranges::transform(node.inputs, node.inputs.begin(), renamed);
    std::ranges::transform(node.captures, node.captures.begin(), renamed);
    node.residual = renamed(node.residual);
    for (Body& body : node.bodies) {
      rename_in(body.nodes, to);
      std::ranges::transform(body.outputs, body.outputs.begin(), renamed);
    }
  }
}

}  // namespace

void Graph::rename(const std::vector<ValueId>& to) {
  rename_in(nodes, to);
  for (ValueId& output : outputs) output = to[output];
}

void Graph::remove_nodes(const std::vector<bool>& marked) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (marked[i]) continue;
    if (kept != i) nodes[kept] = std::move(nodes[i]);
    ++kept;
  }
  nodes.resize(kept);
}

ValueId Graph::add_constant(std::string_view name, std::shared_ptr<Constant> constant) {
  values.push_back({name, std::move(constant)});
  return static_cast<ValueId>(values.size() - 1);
}

}  // namespace torchkeep::runtime::graph
