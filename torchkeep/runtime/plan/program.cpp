#include "torchkeep/runtime/plan/program.h"

#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/plan/halves.h"

namespace torchkeep::runtime::plan {
namespace {

// Of values that decide what is planned: shapes, axes, bounds and conditions are short.
constexpr std::uint64_t kMaxKnownBytes = 65536;
// Times what is kept at one place.
constexpr std::size_t kPlansInAll = 16;

std::uint64_t bytes_of(const View& view) { return byte_count(view.dtype, view.shape).value(); }

/// The view of a value among those that there are.
const View* find_view(std::span<const graph::ValueId> values, std::span<const View> views,
                      graph::ValueId value) {
  const auto found = std::ranges::find(values, value);
  return found == values.end() ? nullptr : &views[static_cast<std::size_t>(found - values.begin())];
}

}  // namespace

Program::Program(const graph::Graph& graph, std::vector<Item> items,
                 std::vector<graph::ValueId> inputs, std::vector<graph::ValueId> outputs,
                 ProgramLimits limits, SecretBytes* arena)
    : graph_(graph),
      items_(std::move(items)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)),
      limits_(limits),
      arena_(arena != nullptr ? arena : &own_arena_) {}

Result<std::unique_ptr<Plan>> Program::make_plan(const Start& start, Context& context) const {
  const Packing packing(context.machine.shelf());
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < start.views.size(); ++i) {
    const View& view = start.views[i];
    TRY(byte_count(view.dtype, view.shape).context(graph_.values[start.values[i]].name));
    Operand operand{view.dtype, view.shape, {}, nullptr};
    if (start.known[i]) {
      const auto constant = TRY(graph::Constant::make(view.dtype, view.shape));
      std::copy_n(reinterpret_cast<const std::uint8_t*>(view.data), bytes_of(view),
                  constant->bytes().begin());
      operand.constant = constant;
    }
    operands.push_back(std::move(operand));
  }
  return Plan::make({graph_, start.items, start.values, operands, outputs_, context.machine,
                     context.pool, limits_.max_bytes, start.constants});
}

std::size_t Program::trim(std::list<Stage>& stages, std::size_t most) {
  std::size_t left = 0;
  for (auto stage = stages.begin(); stage != stages.end();) {
    if (left == most) {
      stage = stages.erase(stage);
      continue;
    }
    ++left;
    left += trim(stage->next, most - left);
    ++stage;
  }
  return left;
}

bool Program::fits(const Key& key, const Start& start) {
  if (key.types.size() != start.views.size()) return false;
  std::size_t place = 0;
  for (std::size_t i = 0; i < start.views.size(); ++i) {
    const View& view = start.views[i];
    if (key.types[i] != view.dtype || key.shapes[i] != view.shape) return false;
    if (!start.known[i]) continue;
    const std::size_t bytes = bytes_of(view);
    if (key.elements.size() - place < bytes ||
        (bytes > 0 && std::memcmp(key.elements.data() + place, view.data, bytes) != 0))
      return false;
    place += bytes;
  }
  return place == key.elements.size();
}

Result<Program::Key> Program::make_key(const Start& start) const {
  Key key;
  for (std::size_t i = 0; i < start.views.size(); ++i) {
    const View& view = start.views[i];
    key.types.push_back(view.dtype);
    key.shapes.push_back(view.shape);
    if (!start.known[i]) continue;
    const std::uint64_t bytes = TRY(byte_count(view.dtype, view.shape));
    if (bytes > kMaxKnownBytes)
      return malformed("value \"", graph_.values[start.values[i]].name,
                       "\" decides what is run and has more than ", kMaxKnownBytes, " bytes");
    const auto* elements = reinterpret_cast<const std::uint8_t*>(view.data);
    key.elements.insert(key.elements.end(), elements, elements + bytes);
  }
  return key;
}

Result<Program::Stage*> Program::find_stage(std::list<Stage>& stages, const Start& start,
                                            Context& context) {
  const auto found =
      std::ranges::find_if(stages, [&](const Stage& stage) { return fits(stage.key, start); });
  if (found != stages.end()) {
    stages.splice(stages.begin(), stages, found);
    return &stages.front();
  }
  Key key = TRY(make_key(start));
  auto plan = TRY(make_plan(start, context));
  while (!stages.empty() && stages.size() >= std::max<std::size_t>(limits_.max_plans, 1))
    stages.pop_back();
  stages.push_front({std::move(key), std::move(plan), {}});
  ++plans_;
  return &stages.front();
}

Result<const Plan*> Program::prepare(std::span<const View> inputs, Context& context) {
  const Start start{items_,
                    inputs_,
                    {inputs.begin(), inputs.end()},
                    std::vector<bool>(inputs.size(), false),
                    nullptr};
  Stage* stage = TRY(find_stage(stages_, start, context));
  if (arena_->size() < stage->plan->arena_bytes())
    *arena_ = SecretBytes(stage->plan->arena_bytes());
  last_cost_ = stage->plan->cost();
  return static_cast<const Plan*>(stage->plan.get());
}

Result<void> Program::run_plan(Plan& plan, const Start& start, Context& context,
                               std::vector<Tensor>& outputs) {
  if (arena_->size() < plan.arena_bytes()) {
    *arena_ = SecretBytes();  // the smaller one goes first
    *arena_ = SecretBytes(plan.arena_bytes());
  }
  Result<void> done =
      plan.run(start.views, arena_->expose(), context.pool, context.deadline, outputs);
  if (!done && plan.failed_node() != nullptr)
    return std::move(done).error().context(graph_.describe(*plan.failed_node()));
  return done;
}

Result<std::vector<Tensor>> Program::run_alone(const Plan& plan, const Start& start,
                                               std::span<const Tensor> outputs,
                                               Context& context) const {
  const graph::Node& node = *plan.alone().node;
  std::vector<View> views;
  for (const graph::ValueId value : node.reads()) {
    if (value == graph::kLeftOut) {
      views.emplace_back();
    } else if (graph_.values[value].constant) {
      views.push_back(View::of(*graph_.values[value].constant));
    } else if (plan.known().contains(value)) {
      views.push_back(View::of(*plan.known().find(value)->second));
    } else if (const auto made = std::ranges::find(plan.output_values(), value);
               made != plan.output_values().end()) {
      views.push_back(
          View::of(outputs[static_cast<std::size_t>(made - plan.output_values().begin())]));
    } else if (const View* view = find_view(start.values, start.views, value)) {
      views.push_back(*view);
    } else {
      return malformed("value \"", graph_.values[value].name, "\" is not there");
    }
  }
  std::vector<Tensor> made = TRY(run_kernel_alone(*plan.alone().kernel, views, context));
  for (std::size_t i = made.size(); i < node.outputs.size(); ++i) {
    if (node.outputs[i] != graph::kLeftOut) return malformed("output ", i, " is not supported");
  }
  return made;
}

Program::Start Program::go_on(const Plan& plan, const Start& start, std::vector<Tensor> outputs,
                              std::vector<Tensor> alone, std::list<Tensor>& kept) const {
  Start next{plan.rest(), {}, {}, {}, &plan.known()};
  const auto add = [&](graph::ValueId value, View view) {
    next.values.push_back(value);
    next.views.push_back(std::move(view));
    next.known.push_back(plan.stop() == Stop::Value && value == plan.wanted());
  };
  for (const graph::ValueId value : plan.kept_inputs())
    add(value, *find_view(start.values, start.views, value));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    kept.push_back(std::move(outputs[i]));
    add(plan.output_values()[i], View::of(kept.back()));
  }
  if (plan.stop() != Stop::Alone) return next;
  const std::vector<graph::ValueId>& made = plan.alone().node->outputs;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (made[i] == graph::kLeftOut) continue;
    kept.push_back(std::move(alone[i]));
    add(made[i], View::of(kept.back()));
  }
  return next;
}

Result<std::vector<Tensor>> Program::run(std::span<const View> inputs,
                                         const std::vector<bool>& known, Context& context) {
  std::vector<Tensor> outputs;
  TRY(run(inputs, known, context, outputs));
  return outputs;
}

Result<void> Program::run(std::span<const View> inputs, const std::vector<bool>& known,
                          Context& context, std::vector<Tensor>& outputs) {
  // A tree of as many branches at each place as are kept there would have no bound. Not while a run
  // goes through it.
  const std::size_t most = kPlansInAll * std::max<std::size_t>(limits_.max_plans, 1);
  if (plans_ > most) plans_ = trim(stages_, most / 2);
  first_.items = items_;
  first_.values = inputs_;
  first_.views.assign(inputs.begin(), inputs.end());
  first_.known = known;
  last_cost_ = {};
  std::list<Tensor> kept;  // what one plan leaves for the next
  std::uint64_t kept_bytes = 0;
  Start later;
  const Start* start = &first_;
  std::list<Stage>* stages = &stages_;
  while (true) {
    Stage* stage = TRY(find_stage(*stages, *start, context));
    Plan& plan = *stage->plan;
    last_cost_.arena_bytes = std::max(last_cost_.arena_bytes, plan.arena_bytes());
    last_cost_.flops += plan.cost().flops;
    last_cost_.read_bytes += plan.cost().read_bytes;
    if (plan.stop() == Stop::None) return run_plan(plan, *start, context, outputs);
    std::vector<Tensor> made, alone;
    TRY(run_plan(plan, *start, context, made));
    if (plan.stop() == Stop::Alone) {
      alone =
          TRY(run_alone(plan, *start, made, context).context(graph_.describe(*plan.alone().node)));
    }
    for (const Tensor& tensor : made) kept_bytes += tensor.data.size();
    for (const Tensor& tensor : alone) kept_bytes += tensor.data.size();
    TRY(context.check_kept(kept_bytes));
    later = go_on(plan, *start, std::move(made), std::move(alone), kept);
    start = &later;
    stages = &stage->next;
  }
}

}  // namespace torchkeep::runtime::plan
