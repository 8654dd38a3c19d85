#include "torchkeep/runtime/plan/planner.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/plan/arena.h"
#include "torchkeep/runtime/plan/lying.h"

namespace torchkeep::runtime::plan {
namespace {

using graph::kLeftOut;
using graph::Node;
using graph::ValueId;

// What folding may keep in memory for one plan; shapes and indices need little.
constexpr std::uint64_t kMaxFoldedBytes = std::uint64_t{16} << 20;

// Shapes and indices are a few bytes, and secret memory comes in pages.
constexpr std::uint64_t kMaxShelvedBytes = 4096, kShelfBytes = 64 << 10;

std::uint64_t bytes_of(const Operand& operand) {
  if (!operand.layout.is_plain()) return operand.layout.bytes(operand.shape);
  return byte_count(operand.dtype, operand.shape).value();  // checked when the operand was made
}

std::vector<ValueId> reads_of(const Item& item) {
  return item.body != nullptr ? item.body->outputs : item.node->reads();
}

}  // namespace

Planner::Planner(const Request& request)
    : request_(request), work_(request.items.begin(), request.items.end()) {
  for (const Item& item : request.items) {
    for (const ValueId read : reads_of(item)) {
      if (read != kLeftOut) ++uses_[read];
    }
  }
  for (const ValueId output : request.outputs) {
    if (output != kLeftOut) ++uses_[output];
  }
}

// What the request knows is looked up, not copied: a plan is made for each node that is folded.
ConstantPointer Planner::find_known(ValueId value) const {
  const auto own = known_.find(value);
  if (own != known_.end()) return own->second;
  if (request_.known == nullptr) return nullptr;
  const auto given = request_.known->find(value);
  return given == request_.known->end() ? nullptr : given->second;
}

Planner::ValueState& Planner::state(ValueId value) {
  const auto known = values_.find(value);
  if (known != values_.end()) return known->second;
  // The first to read a constant gives it a buffer.
  ConstantPointer constant = request_.graph.values[value].constant;
  if (!constant) constant = find_known(value);
  if (constant) {
    know(value, std::move(constant));
  } else {
    // A parameter that its kernels have packed: they know its shape, nobody else reads it.
    bind(value, {}, add_fixed_buffer(nullptr, 0, nullptr));
  }
  return values_.find(value)->second;
}

void Planner::bind(ValueId value, Operand operand, BufferId buffer, Lying lying) {
  const auto uses = uses_.find(value);
  const std::uint32_t left = uses == uses_.end() ? 0 : uses->second;
  uses_left_[buffer] += left;
  values_[value] = {std::move(operand), buffer, left, {}, std::move(lying)};
}

const Operand& Planner::operand(ValueId value) const { return values_.find(value)->second.operand; }

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
  constant = shelved(std::move(constant));
  Operand operand{constant->dtype(), constant->shape(), {}, constant};
  // Steps only read what is fixed.
  auto* memory =
      const_cast<std::byte*>(reinterpret_cast<const std::byte*>(constant->bytes().data()));
  const std::uint64_t bytes = constant->bytes().size();
  bind(value, std::move(operand), add_fixed_buffer(memory, bytes, constant));
  known_[value] = std::move(constant);
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

BufferId Planner::buffer_of(ValueId value) const { return values_.find(value)->second.buffer; }
const Lying& Planner::lying_of(ValueId value) const { return values_.find(value)->second.lying; }

Result<BufferId> Planner::read_gathered(ValueId value) {
  ValueState& from = state(value);
  for (const auto& [layout, buffer] : from.copies) {
    if (layout.is_plain()) return buffer;
  }
  const BufferId copy =
      TRY(add_arena_buffer(TRY(byte_count(from.operand.dtype, from.operand.shape))));
  from.copies.emplace_back(dnn::Layout(), copy);
  add_step({{from.buffer, copy},
            kernels::strided_action(from.operand.dtype, gathering(from.lying)),
            nullptr,
            ""});
  return copy;
}

Result<BufferId> Planner::read(ValueId value, const dnn::Layout& layout) {
  ValueState& from = state(value);
  BufferId source = from.buffer;
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

bool Planner::may_overwrite(ValueId value) const {
  const ValueState& found = values_.find(value)->second;
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
  const BufferId buffer = values_.find(input)->second.buffer;
  TORCHKEEP_CHECK(may_overwrite(input) && bytes_of(operand) == plan_->buffers_[buffer].bytes);
  bind(value, std::move(operand), buffer);
  return buffer;
}

bool Planner::view_spread(ValueId value, ValueId input, const Shape& shape) {
  const ValueState& from = state(input);
  if (from.lying.empty()) return false;
  bind(value, {from.operand.dtype, shape, {}, nullptr}, from.buffer,
       spread(from.lying, from.operand.shape, shape));
  return true;
}

Result<void> Planner::append(std::size_t index) {
  const Growing& growing = request_.growing[index];
  const Operand past = operand(growing.past), added = operand(growing.node->inputs[1]);
  Shape alike = added.shape, shape = past.shape;
  if (alike.size() == shape.size()) alike[growing.axis] = shape[growing.axis];
  if (alike != shape || added.dtype != past.dtype) {
    return malformed("input 1 of shape ", describe(added.shape), " does not fit the first, ",
                     describe(past.shape));
  }
  shape[growing.axis] += added.shape[growing.axis];
  const BufferId source = TRY(read(growing.node->inputs[1], {})), state = buffer_of(growing.past);
  const std::size_t width =
      kernels::extent(shape, growing.axis + 1, shape.size()) * element_bytes(past.dtype);
  const auto bytes_of_rows = [width](std::int64_t rows) {
    return static_cast<std::size_t>(rows) * width;
  };
  const std::size_t begin = bytes_of_rows(past.shape[growing.axis]),
                    length = bytes_of_rows(added.shape[growing.axis]),
                    step = bytes_of_rows(growing.room[growing.axis]),
                    planes = kernels::extent(shape, 0, growing.axis);
  add_step({{source, state},
            [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
              for (std::size_t i = 0; i < planes && length > 0; ++i)
                std::memcpy(memory[1] + i * step + begin, memory[0] + i * length, length);
              return {};
            },
            nullptr,
            ""});
  plan_->grown_[index] = shape;
  Lying lying = lying_in(shape, growing.room);
  bind(growing.present, {past.dtype, std::move(shape), {}, nullptr}, state, std::move(lying));
  return {};
}

Result<void> Planner::view(ValueId value, ValueId input, Shape shape) {
  const ValueState& from = state(input);
  if (!from.lying.empty()) {
    if (auto seen = reshaped(from.lying, shape)) {
      bind(value, {from.operand.dtype, std::move(shape), {}, nullptr}, from.buffer,
           std::move(*seen));
      return {};
    }
  }
  const BufferId buffer = TRY(read(input, {}));
  // The view's readers may overwrite a copy that was made for it, so no other reader may find it.
  std::erase_if(state(input).copies, [&](const auto& copy) { return copy.second == buffer; });
  Operand operand{state(input).operand.dtype, std::move(shape), {}, nullptr};
  TORCHKEEP_CHECK(bytes_of(operand) == plan_->buffers_[buffer].bytes);
  bind(value, std::move(operand), buffer);
  return {};
}

bool Planner::is_known(const Node& node) {
  if (!request_.fold) return false;
  bool any = false;
  for (const ValueId read : node.reads()) {
    if (read == kLeftOut) continue;
    if (!state(read).operand.constant) return false;
    any = true;
  }
  return any;
}

Result<bool> Planner::fold(const Item& item) {
  auto outputs = evaluate(request_, *item.node, *item.kernel, known_);
  // Whatever was in the way will be said of the node when it is planned like any other.
  if (!outputs) return false;
  std::uint64_t bytes = folded_bytes_;
  for (const ConstantPointer& output : *outputs) bytes += output ? output->bytes().size() : 0;
  if (bytes > kMaxFoldedBytes) return false;
  folded_bytes_ = bytes;
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    if ((*outputs)[i]) know(item.node->outputs[i], std::move((*outputs)[i]));
  }
  for (const ValueId read : item.node->reads()) read_once_less(read);
  return true;
}

void Planner::read_once_less(ValueId value) {
  if (value != kLeftOut) --uses_left_[values_.find(value)->second.buffer];
}

void Planner::count_more(ValueId value) {
  if (value == kLeftOut) return;
  ++uses_[value];
  const auto bound = values_.find(value);
  if (bound != values_.end()) ++uses_left_[bound->second.buffer];
}

void Planner::splice(const Node& node, const Branch& branch) {
  const Item end{&node, nullptr, branch.body};
  work_.push_front(end);
  for (const ValueId output : branch.body->outputs) count_more(output);
  for (std::size_t i = branch.body->nodes.size(); i-- > 0;) {
    const Node& inner = branch.body->nodes[i];
    work_.push_front({&inner, branch.kernels[i].get(), nullptr});
    for (const ValueId read : inner.reads()) count_more(read);
  }
}

void Planner::end_branch(const Item& item) {
  for (std::size_t i = 0; i < item.node->outputs.size(); ++i) {
    const ValueId value = item.node->outputs[i];
    if (value == kLeftOut) continue;
    const ValueState from = state(item.body->outputs[i]);
    if (from.operand.constant) {
      know(value, from.operand.constant);
    } else {
      bind(value, from.operand, from.buffer, from.lying);
    }
  }
  for (const ValueId output : item.body->outputs) {
    state(output);
    read_once_less(output);
  }
}

Result<bool> Planner::must_stop() {
  const Item& item = work_.front();
  if (item.body != nullptr) return false;
  node_ = item.node;
  for (const ValueId read : item.node->reads()) {
    if (read != kLeftOut) state(read);
  }
  const std::vector<ValueId>& inputs = item.node->inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kLeftOut || !item.kernel->needs_known(i)) continue;
    if (operand(inputs[i]).constant) continue;
    plan_->stop_ = Stop::Value;
    plan_->wanted_ = inputs[i];
    return true;
  }
  if (!item.kernel->runs_alone()) return false;
  // With everything known it may be done with here and now.
  if (item.kernel->is_constant() && is_known(*item.node) && TRY(fold(item))) {
    work_.pop_front();
    return work_.empty() ? Result<bool>(false) : must_stop();
  }
  plan_->stop_ = Stop::Alone;
  plan_->alone_ = item;
  return true;
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
    for (const ValueId read : item.node->reads()) read_once_less(read);
    return {};
  }
  return plan_node(item);
}

Result<void> Planner::plan_node(const Item& item) {
  const Node& node = *item.node;
  if (item.kernel->is_constant() && is_known(node) && TRY(fold(item))) return {};
  const auto growing = std::ranges::find(request_.growing, &node, &Growing::node);
  if (growing != request_.growing.end()) {
    TRY(append(static_cast<std::size_t>(growing - request_.growing.begin())));
  } else {
    TRY(plan_kernel(item));
  }
  for (const ValueId output : node.outputs) {
    if (output != kLeftOut && !values_.contains(output)) {
      return malformed("output \"", request_.graph.values[output].name, "\" is not supported");
    }
  }
  for (const ValueId read : node.reads()) read_once_less(read);
  return {};
}

void Planner::bind_rest() {
  std::unordered_set<ValueId> seen;
  const auto keep = [&](ValueId value) {
    if (value == kLeftOut || !seen.insert(value).second) return;
    const auto bound = values_.find(value);
    // What is yet to be made, and parameters, are found again by whoever reads them.
    if (request_.graph.values[value].constant) return;
    if (bound == values_.end()) {
      if (ConstantPointer constant = find_known(value)) plan_->known_[value] = std::move(constant);
      return;
    }
    if (bound->second.operand.constant) {
      plan_->known_[value] = bound->second.operand.constant;
    } else if (std::ranges::find(request_.input_values, value) != request_.input_values.end()) {
      plan_->kept_inputs_.push_back(value);
    } else {
      const Buffer& buffer = plan_->buffers_[bound->second.buffer];
      if (buffer.place != Buffer::Place::Fixed || buffer.fixed != nullptr)
        plan_->output_values_.push_back(value);
    }
  };
  for (const Item& item : work_) std::ranges::for_each(reads_of(item), keep);
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
    BufferId buffer = from.buffer;
    if (!from.operand.layout.is_plain() || plan_->buffers_[buffer].place != Buffer::Place::Arena) {
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
    arena.push_back({buffer.bytes, lifetimes[id].first, lifetimes[id].last});
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
    if (request_.inputs[i].constant) known_[value] = request_.inputs[i].constant;
  }
  plan_->grown_.resize(request_.growing.size());
  while (!work_.empty()) {
    const Node& next = *work_.front().node;
    if (TRY(must_stop().context(request_.graph.describe(next)))) break;
    if (work_.empty()) break;
    const Item item = work_.front();
    work_.pop_front();
    TRY(plan_item(item).context(request_.graph.describe(*item.node)));
  }
  if (plan_->stop_ != Stop::None) {
    bind_rest();
    TRY(bind_outputs(plan_->output_values_));
  } else {
    TRY(bind_outputs(request_.outputs));
  }
  TRY(place_buffers());
  std::size_t pieces = 0;
  for (const Step& step : plan_->steps_) pieces += step.buffers.size();
  plan_->memory_.resize(pieces);
  return std::move(plan_);
}

}  // namespace torchkeep::runtime::plan
