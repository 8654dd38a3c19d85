#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {
namespace {

// What folding may keep in memory for one plan; shapes and indices need little.
constexpr std::uint64_t kMaxFoldedBytes = std::uint64_t{16} << 20;

}  // namespace

using graph::kLeftOut;
using graph::Node;
using graph::ValueId;

bool Planner::is_known(const Node& node) {
  if (!request_.fold) return false;
  bool any = false, all = true;
  for_each_read(node, [&](ValueId read) {
    if (read == kLeftOut) return;
    all = all && constant_of(read) != nullptr;
    any = true;
  });
  return any && all;
}

bool Planner::fold_again(const Node& node) {
  if (request_.folded_before == nullptr) return false;
  known_inputs_.clear();
  for_each_read(node, [&](ValueId read) {
    known_inputs_.push_back(read == kLeftOut ? nullptr : constant_of(read)->get());
  });
  const FoldedBefore::Entry* const made =
      request_.folded_before->find(node, known_inputs_, kMaxFoldedBytes - folded_bytes_);
  if (made == nullptr) return false;
  folded_bytes_ += made->bytes;
  for (std::size_t i = 0; i < made->outputs.size(); ++i) {
    if (made->outputs[i]) know(node.outputs[i], made->outputs[i]);
  }
  for_each_read(node, [&](ValueId read) { read_once_less(read); });
  return true;
}

Result<bool> Planner::fold(const Item& item) {
  const Node& node = *item.node;
  if (fold_again(node)) return true;
  Folded::Values& inputs = folded_inputs_;
  inputs.clear();
  for (const ValueId input : node.inputs)
    inputs.push_back(input == kLeftOut ? nullptr : *constant_of(input));
  if (const Folded::Values* made = folded_.find(node, inputs)) {
    for (std::size_t i = 0; i < made->size(); ++i) {
      if ((*made)[i]) know(node.outputs[i], (*made)[i]);
    }
    if (request_.folded_before != nullptr) request_.folded_before->keep(node, inputs, *made, 0);
  } else {
    KnownValues known;
    for_each_read(node, [&](ValueId read) {
      if (read != kLeftOut) known[read] = *constant_of(read);
    });
    auto outputs = evaluate(request_, node, *item.kernel, known);
    // Whatever was in the way will be said of the node when it is planned like any other.
    if (!outputs) return false;
    std::uint64_t bytes = folded_bytes_;
    for (const ConstantPointer& output : *outputs) bytes += output ? output->bytes().size() : 0;
    if (bytes > kMaxFoldedBytes) return false;
    const std::uint64_t added = bytes - folded_bytes_;
    folded_bytes_ = bytes;
    for (std::size_t i = 0; i < outputs->size(); ++i) {
      if (!(*outputs)[i]) continue;
      know(node.outputs[i], std::move((*outputs)[i]));
      (*outputs)[i] = *constant_of(node.outputs[i]);
    }
    if (request_.folded_before != nullptr)
      request_.folded_before->keep(node, inputs, *outputs, added);
    folded_.keep(node, inputs, std::move(*outputs));
  }
  for_each_read(node, [&](ValueId read) { read_once_less(read); });
  return true;
}

}  // namespace torchkeep::runtime::plan
