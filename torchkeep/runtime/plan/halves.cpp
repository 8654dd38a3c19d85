#include "torchkeep/runtime/plan/halves.h"

#include <algorithm>
#include <array>
#include <deque>

#include "torchkeep/runtime/half.h"
#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {
namespace {

using graph::kLeftOut;
using graph::Node;
using graph::ValueId;

constexpr std::size_t kGrain = 16384;  // elements that are worth a thread of their own

template <typename From>
void widen(const std::byte* from, std::byte* to, std::size_t begin, std::size_t end) {
  const auto* halves = reinterpret_cast<const From*>(from);
  auto* floats = reinterpret_cast<float*>(to);
  for (std::size_t i = begin; i < end; ++i) floats[i] = to_float(halves[i]);
}

template <typename To>
void narrow(const std::byte* from, std::byte* to, std::size_t begin, std::size_t end) {
  const auto* floats = reinterpret_cast<const float*>(from);
  auto* halves = reinterpret_cast<To*>(to);
  for (std::size_t i = begin; i < end; ++i) halves[i] = narrow_to<To>(floats[i]);
}

using Convert = void (*)(const std::byte*, std::byte*, std::size_t, std::size_t);

Action action_of(Convert convert, std::uint64_t count) {
  return [convert, count](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(count, kGrain, [&](std::size_t begin, std::size_t end) {
      convert(memory[0], memory[1], begin, end);
    });
    return {};
  };
}

Result<Tensor> converted(const View& view, DataType to, const Action& action, Pool& pool) {
  Tensor tensor = TRY(Tensor::uninitialised(to, view.shape));
  // An action only reads its inputs.
  const std::array<std::byte*, 2> memory{const_cast<std::byte*>(view.data),
                                         reinterpret_cast<std::byte*>(tensor.data.data())};
  TRY(action(memory, pool));
  return tensor;
}

}  // namespace

Action widen_action(DataType from, std::uint64_t count) {
  return action_of(from == DataType::Float16 ? widen<Half> : widen<Bfloat16>, count);
}
Action narrow_action(DataType to, std::uint64_t count) {
  return action_of(to == DataType::Float16 ? narrow<Half> : narrow<Bfloat16>, count);
}

std::optional<DataType> narrow_type(std::span<const DataType> inputs) {
  for (const DataType type : inputs) {
    if (is_half(type)) return type;
    if (type == DataType::Float32 || type == DataType::Float64) return std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<Tensor>> run_kernel_alone(kernels::Kernel& kernel, std::span<const View> inputs,
                                             Context& context) {
  for (const View& view : inputs) {
    if (view.data != nullptr && !is_tensor(view.dtype) && !kernel.takes_sequences())
      return malformed("an input is a ", name_of(view.dtype), ", wanted is a tensor");
  }
  const auto holds_halves = [](const View& view) {
    return view.data != nullptr && is_half(view.dtype);
  };
  if (kernel.takes_halves() || std::ranges::none_of(inputs, holds_halves))
    return kernel.run(inputs, context);
  std::deque<Tensor> wide;
  std::vector<View> views(inputs.begin(), inputs.end());
  std::vector<DataType> types;
  for (View& view : views) {
    if (view.data != nullptr) types.push_back(view.dtype);
    if (!holds_halves(view)) continue;
    const Action action = widen_action(view.dtype, TRY(element_count(view.shape)));
    wide.push_back(TRY(converted(view, DataType::Float32, action, context.pool)));
    view = View::of(wide.back());
  }
  std::vector<Tensor> outputs = TRY(kernel.run(views, context));
  const std::optional<DataType> type = narrow_type(types);
  for (Tensor& output : outputs) {
    if (!type || output.dtype != DataType::Float32) continue;
    const Action action = narrow_action(*type, TRY(element_count(output.shape)));
    output = TRY(converted(View::of(output), *type, action, context.pool));
  }
  return outputs;
}

// Of Planner: nodes that are planned as if their inputs were others.

ValueId Planner::add_temporary() {
  // Numbers above the graph's own; each is read once, by the node for which it is made.
  const auto value = static_cast<ValueId>(request_.graph.values.size()) + temporaries_++;
  TORCHKEEP_CHECK(value < kLeftOut);
  uses_.at(value) = 1;
  return value;
}

Result<ValueId> Planner::widened(ValueId value) {
  if (value == kLeftOut || !is_half(state(value).operand.dtype)) return value;
  const Operand from = state(value).operand;
  const ValueId wide = add_temporary();
  const std::uint64_t count = TRY(element_count(from.shape));
  const Action action = widen_action(from.dtype, count);
  if (from.constant && from.constant->bytes().size() <= kMaxKnownWideBytes) {
    // Whoever must know its elements still does.
    const auto constant = TRY(graph::Constant::make(DataType::Float32, from.shape));
    const std::array<std::byte*, 2> memory{
        const_cast<std::byte*>(reinterpret_cast<const std::byte*>(from.constant->bytes().data())),
        reinterpret_cast<std::byte*>(constant->bytes().data())};
    TRY(action(memory, request_.pool));
    know(wide, constant);
    return wide;
  }
  const BufferId source = TRY(read(value, {}));
  const BufferId target = TRY(write(wide, {DataType::Float32, from.shape, {}, nullptr}));
  add_step({{source, target}, action, nullptr, "", 0});
  return wide;
}

Result<void> Planner::take_output(ValueId value, ValueId made, std::optional<DataType> type) {
  if (!is_made(made)) return {};  // whoever looks for it says that it is not there
  const Operand operand = state(made).operand;
  if (type && operand.dtype == DataType::Float32) {
    const BufferId source = TRY(read(made, {}));
    const BufferId target = TRY(write(value, {*type, operand.shape, {}, nullptr}));
    add_step({{source, target},
              narrow_action(*type, TRY(element_count(operand.shape))),
              nullptr,
              "",
              0});
  } else if (operand.constant) {
    know(value, operand.constant);
  } else {
    bind(value, operand, state(made).buffer, state(made).lying, state(made).start);
  }
  read_once_less(made);
  return {};
}

Result<void> Planner::plan_kernel(const Item& item) {
  const Node& node = *item.node;
  std::optional<DataType> no_tensor;
  bool holds_halves = false;
  for_each_read(node, [&](ValueId value) {
    if (value == kLeftOut) return;
    const DataType type = operand(value).dtype;
    if (!is_tensor(type)) no_tensor = type;
    holds_halves |= is_half(type);
  });
  if (no_tensor && !item.kernel->takes_sequences())
    return malformed("an input is a ", name_of(*no_tensor), ", wanted is a tensor");
  if (item.kernel->takes_halves() || !holds_halves) {
    Builder builder(*this, node);
    return item.kernel->plan(builder);
  }
  std::vector<DataType> types;
  for (const ValueId input : node.inputs) {
    if (input != kLeftOut) types.push_back(operand(input).dtype);
  }
  Node wide;
  wide.activation = node.activation;
  for (const ValueId input : node.inputs) wide.inputs.push_back(TRY(widened(input)));
  wide.residual = TRY(widened(node.residual));
  for (const ValueId output : node.outputs)
    wide.outputs.push_back(output == kLeftOut ? kLeftOut : add_temporary());
  Builder builder(*this, wide);
  TRY(item.kernel->plan(builder));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kLeftOut)
      TRY(take_output(node.outputs[i], wide.outputs[i], narrow_type(types)));
  }
  return {};
}

Result<void> Planner::plan_reshaped(const Node& node, std::size_t input, Shape shape,
                                    kernels::Kernel& kernel) {
  Node seen;
  seen.activation = node.activation;
  seen.residual = node.residual;
  seen.inputs = node.inputs;
  seen.outputs = node.outputs;
  seen.inputs[input] = add_temporary();
  TRY(view(seen.inputs[input], node.inputs[input], std::move(shape)));
  Builder builder(*this, seen);
  TRY(kernel.plan(builder));
  read_once_less(seen.inputs[input]);
  return {};
}

}  // namespace torchkeep::runtime::plan
