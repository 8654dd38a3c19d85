#include <algorithm>

#include "torchkeep/runtime/kernels/strided.h"
#include "torchkeep/runtime/plan/arena.h"
#include "torchkeep/runtime/plan/lying.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {
namespace {

// Shapes and indices are a few bytes, and secret memory comes in pages. It is wiped with its plan:
// most plans fill a page or two.
constexpr std::uint64_t kMaxShelvedBytes = 4096, kShelfBytes = 8 << 10;

}  // namespace

using graph::kLeftOut;
using graph::ValueId;

std::uint64_t bytes_of(const Operand& operand) {
  if (!operand.layout.is_plain()) return operand.layout.bytes(operand.shape);
  return byte_count(operand.dtype, operand.shape).value();  // checked when the operand was made
}

const ConstantPointer* Planner::constant_of(ValueId value) {
  if (const ConstantPointer* const known = known_.find(value)) return known;
  if (const ValueState* const bound = values_.find(value))
    return bound->operand.constant ? &bound->operand.constant : nullptr;
  if (value >= request_.graph.values.size()) return nullptr;
  if (const auto& constant = request_.graph.values[value].constant)
    return &known_.set(value, constant);
  // What the request knows is looked up, not copied: a plan is made for each node that is folded.
  if (request_.known == nullptr) return nullptr;
  const auto given = request_.known->find(value);
  return given == request_.known->end() ? nullptr : &given->second;
}

Planner::ValueState& Planner::state(ValueId value) {
  if (ValueState* const found = values_.find(value)) return *found;
  if (const ConstantPointer* const constant = constant_of(value)) {
    const ConstantPointer known = *constant;
    bind(value, {known->dtype(), known->shape(), {}, known}, kNoBuffer);
  } else {
    // A parameter that its kernels have packed: they know its shape, nobody else reads it.
    bind(value, {}, kNoBuffer);
  }
  return *values_.find(value);
}

void Planner::bind(ValueId value, Operand operand, BufferId buffer, Lying lying,
                   std::int64_t start) {
  if (buffer != kNoBuffer) uses_left_[buffer] += uses_.get(value);
  values_.set(value, {std::move(operand), buffer, {}, std::move(lying), start});
}

const Operand& Planner::operand(ValueId value) { return state(value).operand; }

ConstantPointer Planner::shelved(ConstantPointer constant) {
  const std::uint64_t bytes = constant->bytes().size();
  if (constant.use_count() > 1 || bytes > kMaxShelvedBytes) return constant;
  if (shelf_ == nullptr || shelf_->size() - shelf_filled_ < bytes) {
    shelf_ = std::make_shared<SecretBytes>(kShelfBytes);
    shelf_filled_ = 0;
  }
  std::ranges::copy(constant->bytes(), shelf_->expose().begin() + shelf_filled_);
  auto shelved = std::make_shared<graph::Constant>(constant->dtype(), constant->shape(), shelf_,
                                                   shelf_filled_, bytes);
  shelf_filled_ += (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  return shelved;
}

void Planner::know(ValueId value, ConstantPointer constant) {
  known_.set(value, shelved(std::move(constant)));
}

Result<BufferId> Planner::add_arena_buffer(std::uint64_t bytes) {
  if (bytes > request_.max_bytes) {
    return unavailable("one tensor needs ", bytes, " bytes, the limit for all is ",
                       request_.max_bytes);
  }
  plan_->buffers_.push_back({Buffer::Place::Arena, bytes, 0, nullptr, nullptr});
  uses_left_.push_back(0);
  return static_cast<BufferId>(plan_->buffers_.size() - 1);
}

BufferId Planner::add_fixed_buffer(std::byte* memory, std::uint64_t bytes,
                                   std::shared_ptr<const void> owner) {
  plan_->buffers_.push_back({Buffer::Place::Fixed, bytes, 0, memory, std::move(owner)});
  uses_left_.push_back(0);
  return static_cast<BufferId>(plan_->buffers_.size() - 1);
}

void Planner::add_step(Step step) {
  step.node = node_;
  plan_->steps_.push_back(std::move(step));
}

BufferId Planner::buffer_of(ValueId value) {
  ValueState& found = state(value);
  if (found.buffer != kNoBuffer) return found.buffer;
  const ConstantPointer& constant = found.operand.constant;
  const ByteView bytes = constant ? constant->bytes() : ByteView();
  // Steps only read what is fixed.
  auto* memory = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(bytes.data()));
  found.buffer = add_fixed_buffer(memory, bytes.size(), constant);
  uses_left_[found.buffer] = uses_.get(value);
  return found.buffer;
}
const Lying& Planner::lying_of(ValueId value) { return state(value).lying; }
std::int64_t Planner::start_of(ValueId value) { return state(value).start; }

Result<BufferId> Planner::read_gathered(ValueId value) {
  ValueState& from = state(value);
  for (const auto& [layout, buffer] : from.copies) {
    if (layout.is_plain()) return buffer;
  }
  const BufferId copy =
      TRY(add_arena_buffer(TRY(byte_count(from.operand.dtype, from.operand.shape))));
  from.copies.emplace_back(dnn::Layout(), copy);
  add_step({{from.buffer, copy},
            kernels::strided_action(from.operand.dtype, gathering(from.lying, from.start)),
            nullptr,
            ""});
  return copy;
}

Result<BufferId> Planner::read(ValueId value, const dnn::Layout& layout) {
  ValueState& from = state(value);
  BufferId source = buffer_of(value);
  if (!from.lying.empty()) source = TRY(read_gathered(value));
  if (from.operand.layout == layout) return source;
  for (const auto& [known, buffer] : from.copies) {
    if (known == layout) return buffer;
  }
  const DataType dtype = from.operand.dtype;
  TORCHKEEP_CHECK(dtype == DataType::Float32 || dtype == DataType::Int8 ||
                  dtype == DataType::UInt8);
  dnn::Primitive reorder = TRY(
      dnn::make_reorder(request_.machine, from.operand.shape, from.operand.layout, layout, dtype));
  const BufferId copy =
      TRY(add_arena_buffer(bytes_of({dtype, from.operand.shape, layout, nullptr})));
  from.copies.emplace_back(layout, copy);
  TRY(Builder(*this, *node_).step({source, copy}, std::move(reorder)));
  return copy;
}

bool Planner::may_overwrite(ValueId value) {
  const ValueState& found = state(value);
  // What repeats itself in memory, or is a part of it, is smaller or larger than it says.
  if (!found.lying.empty() || found.buffer == kNoBuffer) return false;
  // Inputs belong to the caller, parameters to all runs.
  return plan_->buffers_[found.buffer].place == Buffer::Place::Arena &&
         uses_left_[found.buffer] == 1;
}

Result<BufferId> Planner::write(ValueId value, Operand operand) {
  TRY(byte_count(operand.dtype, operand.shape));
  const BufferId buffer = TRY(add_arena_buffer(bytes_of(operand)));
  if (value != kLeftOut) bind(value, std::move(operand), buffer);
  return buffer;
}

BufferId Planner::write_over(ValueId value, ValueId input, Operand operand) {
  const BufferId buffer = buffer_of(input);
  TORCHKEEP_CHECK(may_overwrite(input) && bytes_of(operand) == plan_->buffers_[buffer].bytes);
  bind(value, std::move(operand), buffer);
  return buffer;
}

}  // namespace torchkeep::runtime::plan
