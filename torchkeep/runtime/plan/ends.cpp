#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "torchkeep/runtime/plan/arena.h"
#include "torchkeep/runtime/plan/guard.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {

using graph::kLeftOut;
using graph::ValueId;

void Planner::bind_rest() {
  std::unordered_set<ValueId> seen;
  const auto keep = [&](ValueId value) {
    if (value == kLeftOut || !seen.insert(value).second) return;
    // What is yet to be made, and parameters, are found again by whoever reads them.
    if (request_.graph.values[value].constant) return;
    const ValueState* const bound = values_.find(value);
    if (const ConstantPointer* const constant = constant_of(value)) {
      plan_->known_[value] = *constant;
    } else if (bound == nullptr) {
      return;
    } else if (std::ranges::find(request_.input_values, value) != request_.input_values.end()) {
      plan_->kept_inputs_.push_back(value);
    } else if (bound->buffer != kNoBuffer) {
      const Buffer& buffer = plan_->buffers_[bound->buffer];
      if (buffer.place != Buffer::Place::Fixed || buffer.fixed != nullptr)
        plan_->output_values_.push_back(value);
    }
  };
  for (const Item& item : work_) for_each_read(item, keep);
  std::ranges::for_each(request_.outputs, keep);
  if (plan_->stop_ == Stop::Alone) work_.pop_front();
  plan_->rest_.assign(work_.begin(), work_.end());
}

Result<void> Planner::bind_outputs(std::span<const ValueId> outputs) {
  if (!request_.items.empty()) node_ = request_.items.back().node;
  for (const ValueId value : outputs) {
    const std::size_t index = plan_->outputs_.size();
    if (value == kLeftOut) {
      plan_->outputs_.emplace_back();
      plan_->output_buffers_.push_back(add_fixed_buffer(nullptr, 0, nullptr));
      continue;
    }
    ValueState& from = state(value);
    BufferId buffer = buffer_of(value);
    if (!from.operand.layout.is_plain() || !from.lying.empty() ||
        plan_->buffers_[buffer].place != Buffer::Place::Arena) {
      const BufferId source = TRY(read(value, {}));
      const std::uint64_t bytes = byte_count(from.operand.dtype, from.operand.shape).value();
      buffer = TRY(add_arena_buffer(bytes));
      add_step({{source, buffer},
                [bytes](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                  if (bytes > 0) std::memcpy(memory[1], memory[0], bytes);
                  return {};
                },
                nullptr,
                ""});
    }
    plan_->buffers_[buffer].place = Buffer::Place::Output;
    plan_->buffers_[buffer].offset = index;
    Operand operand = state(value).operand;
    operand.layout = {};
    plan_->outputs_.push_back(std::move(operand));
    plan_->output_buffers_.push_back(buffer);
  }
  return {};
}

Result<void> Planner::place_buffers() {
  constexpr std::uint32_t kNever = ~std::uint32_t{0};
  std::vector<Lifetime> lifetimes(plan_->buffers_.size(), {0, kNever, 0});
  for (std::uint32_t step = 0; step < plan_->steps_.size(); ++step) {
    for (const BufferId buffer : plan_->steps_[step].buffers) {
      if (lifetimes[buffer].first == kNever) lifetimes[buffer].first = step;
      lifetimes[buffer].last = step;
    }
  }
  std::vector<Lifetime> arena;
  std::vector<BufferId> members;
  std::uint64_t output_bytes = 0;
  for (BufferId id = 0; id < plan_->buffers_.size(); ++id) {
    const Buffer& buffer = plan_->buffers_[id];
    if (buffer.place == Buffer::Place::Output) output_bytes += buffer.bytes;
    if (buffer.place != Buffer::Place::Arena || lifetimes[id].first == kNever) continue;
    arena.push_back({buffer.bytes + kRedZoneBytes, lifetimes[id].first, lifetimes[id].last});
    members.push_back(id);
  }
  const ArenaLayout layout = lay_out(arena);
  for (std::size_t i = 0; i < members.size(); ++i)
    plan_->buffers_[members[i]].offset = layout.offsets[i];
  plan_->arena_bytes_ = layout.bytes;
  if (layout.bytes + output_bytes > request_.max_bytes) {
    return unavailable("inputs of this shape need ", layout.bytes + output_bytes,
                       " bytes for activations, the limit is ", request_.max_bytes);
  }
  return {};
}

}  // namespace torchkeep::runtime::plan
