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
    all = all && state(read).operand.constant;
    any = true;
  });
  return any && all;
}

Result<bool> Planner::fold(const Item& item) {
  const Node& node = *item.node;
  Folded::Values inputs;
  for (const ValueId input : node.inputs)
    inputs.push_back(input == kLeftOut ? nullptr : state(input).operand.constant);
  if (const Folded::Values* made = folded_.find(node, inputs)) {
    for (std::size_t i = 0; i < made->size(); ++i) {
      if ((*made)[i]) know(node.outputs[i], (*made)[i]);
    }
  } else {
    KnownValues known;
    for_each_read(node, [&](ValueId read) {
      if (read != kLeftOut) known[read] = state(read).operand.constant;
    });
    auto outputs = evaluate(request_, node, *item.kernel, known);
    // Whatever was in the way will be said of the node when it is planned like any other.
    if (!outputs) return false;
    std::uint64_t bytes = folded_bytes_;
    for (const ConstantPointer& output : *outputs) bytes += output ? output->bytes().size() : 0;
    if (bytes > kMaxFoldedBytes) return false;
    folded_bytes_ = bytes;
    for (std::size_t i = 0; i < outputs->size(); ++i) {
      if (!(*outputs)[i]) continue;
      know(node.outputs[i], std::move((*outputs)[i]));
      (*outputs)[i] = state(node.outputs[i]).operand.constant;
    }
    folded_.keep(node, std::move(inputs), std::move(*outputs));
  }
  for_each_read(node, [&](ValueId read) { read_once_less(read); });
  return true;
}

}  // namespace torchkeep::runtime::plan
