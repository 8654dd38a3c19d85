#include "torchkeep/runtime/plan/planner.h"

#include <algorithm>

#include "torchkeep/runtime/plan/lying.h"

namespace torchkeep::runtime::plan {

using graph::kLeftOut;
using graph::Node;
using graph::ValueId;

namespace {

// Nodes lie scattered in memory, and each token of a sequence drives them out of the caches: while
// one is looked at, later ones are fetched, then what those point to.
constexpr std::size_t kNodesAhead = 16, kListsAhead = 8, kLine = 64;

void fetch_ahead(std::span<const Item> items, std::size_t i) {
  if (i + kNodesAhead < items.size()) {
    const Item& item = items[i + kNodesAhead];
    const auto* node = reinterpret_cast<const std::byte*>(item.node);
    for (std::size_t at = 0; at < sizeof(Node); at += kLine) __builtin_prefetch(node + at);
    __builtin_prefetch(item.kernel);
  }
  if (i + kListsAhead < items.size()) {
    const Node& node = *items[i + kListsAhead].node;
    __builtin_prefetch(node.inputs.data());
    __builtin_prefetch(node.outputs.data());
  }
}

}  // namespace

Planner::Planner(const Request& request)
    : request_(request), work_(request.items.begin(), request.items.end()) {
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    fetch_ahead(request.items, i);
    const Item& item = request.items[i];
    for_each_read(item, [&](ValueId read) {
      if (read != kLeftOut) ++uses_.at(read);
    });
  }
  for (const ValueId output : request.outputs) {
    if (output != kLeftOut) ++uses_.at(output);
  }
}

Result<std::unique_ptr<Plan>> Planner::make() {
  for (std::size_t i = 0; i < request_.inputs.size(); ++i) {
    plan_->buffers_.push_back(
        {Buffer::Place::Input, bytes_of(request_.inputs[i]), i, nullptr, nullptr});
    uses_left_.push_back(0);
    const ValueId value = request_.input_values[i];
    const auto growing = std::ranges::find(request_.growing, value, &Growing::past);
    bind(value, request_.inputs[i], static_cast<BufferId>(plan_->buffers_.size() - 1),
         growing == request_.growing.end() ? Lying()
                                           : lying_in(request_.inputs[i].shape, growing->room));
  }
  plan_->grown_.resize(request_.growing.size());
  while (!work_.empty()) {
    const Node& next = *work_.front().node;
    const Result<bool> stops = must_stop();
    if (!stops) return Error(stops.error()).context(request_.graph.describe(next));
    if (*stops) break;
    if (work_.empty()) break;
    const Item item = work_.front();
    work_.pop_front();
    // What a node is called is put together only for an error.
    auto planned = plan_item(item);
    if (!planned) return std::move(planned).error().context(request_.graph.describe(*item.node));
  }
  if (plan_->stop_ != Stop::None) {
    bind_rest();
    TRY(bind_outputs(plan_->output_values_));
  } else {
    TRY(bind_outputs(request_.outputs));
  }
  TRY(place_buffers());
  std::size_t pieces = 0;
  for (Step& step : plan_->steps_) {
    pieces += step.buffers.size();
    step.work = step.flops;
    for (const BufferId buffer : step.buffers)
      step.work += Deadline::kWorkOfAByte * static_cast<double>(plan_->buffers_[buffer].bytes);
  }
  plan_->memory_.resize(pieces);
  plan_->cost_ = plan_->count_cost();
  return std::move(plan_);
}

Result<bool> Planner::must_stop() {
  while (!work_.empty()) {
    const Item& item = work_.front();
    if (item.body != nullptr) return false;
    node_ = item.node;
    const std::vector<ValueId>& inputs = item.node->inputs;
    for (std::size_t i = 0; item.needs_known && i < inputs.size(); ++i) {
      if (inputs[i] == kLeftOut || !item.kernel->needs_known(i)) continue;
      if (constant_of(inputs[i]) != nullptr) continue;
      plan_->stop_ = Stop::Value;
      plan_->wanted_ = inputs[i];
      return true;
    }
    if (!item.runs_alone) return false;
    // With everything known it may be done with here and now.
    if (!item.is_constant || !is_known(*item.node) || !TRY(fold(item))) {
      plan_->stop_ = Stop::Alone;
      plan_->alone_ = item;
      return true;
    }
    work_.pop_front();
  }
  return false;
}

Result<void> Planner::plan_item(const Item& item) {
  node_ = item.node;
  if (item.body != nullptr) {
    end_branch(item);
    return {};
  }
  Builder builder(*this, *item.node);
  if (const std::optional<Branch> branch = TRY(item.kernel->branch(builder))) {
    if (branch->body->outputs.size() < item.node->outputs.size())
      return malformed("a branch has ", branch->body->outputs.size(), " outputs, wanted are ",
                       item.node->outputs.size());
    splice(*item.node, *branch);
    for_each_read(*item.node, [&](ValueId read) { read_once_less(read); });
    return {};
  }
  return plan_node(item);
}

Result<void> Planner::plan_node(const Item& item) {
  const Node& node = *item.node;
  if (item.is_constant && is_known(node) && TRY(fold(item))) return {};
  const auto growing = std::ranges::find(request_.growing, &node, &Growing::node);
  if (growing != request_.growing.end() && !growing->by_kernel) {
    TRY(append(static_cast<std::size_t>(growing - request_.growing.begin())));
  } else {
    TRY(plan_kernel(item));
  }
  for (const ValueId output : node.outputs) {
    if (output != kLeftOut && !is_made(output)) {
      return malformed("output \"", request_.graph.values[output].name, "\" is not supported");
    }
  }
  for_each_read(node, [&](ValueId read) { read_once_less(read); });
  return {};
}

void Planner::splice(const Node& node, const Branch& branch) {
  const Item end{&node, nullptr, branch.body};
  work_.push_front(end);
  for (const ValueId output : branch.body->outputs) count_more(output);
  for (std::size_t i = branch.body->nodes.size(); i-- > 0;) {
    const Node& inner = branch.body->nodes[i];
    work_.push_front({&inner, branch.kernels[i].get(), nullptr});
    for_each_read(inner, [&](ValueId read) { count_more(read); });
  }
}

void Planner::end_branch(const Item& item) {
  for (std::size_t i = 0; i < item.node->outputs.size(); ++i) {
    const ValueId value = item.node->outputs[i];
    if (value == kLeftOut) continue;
    if (const ConstantPointer* const constant = constant_of(item.body->outputs[i])) {
      know(value, *constant);
    } else {
      const ValueState from = state(item.body->outputs[i]);
      bind(value, from.operand, from.buffer, from.lying, from.start);
    }
  }
  for (const ValueId output : item.body->outputs) read_once_less(output);
}

void Planner::count_more(ValueId value) {
  if (value == kLeftOut) return;
  ++uses_.at(value);
  const ValueState* const bound = values_.find(value);
  if (bound != nullptr && bound->buffer != kNoBuffer) ++uses_left_[bound->buffer];
}

void Planner::read_once_less(ValueId value) {
  if (value == kLeftOut) return;
  const ValueState* const bound = values_.find(value);
  if (bound != nullptr && bound->buffer != kNoBuffer) --uses_left_[bound->buffer];
}

}  // namespace torchkeep::runtime::plan
