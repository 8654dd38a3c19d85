#include "torchkeep/runtime/growth.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"

namespace torchkeep::runtime {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

// What a state gets beyond what it needs, so that most runs find room: half of it, and this at
// least.
constexpr std::int64_t kFewestSpare = 64;
constexpr std::size_t kAxisOfKeys = 2;  // [batch, heads, keys, width]

/// Whether the operator Attention makes `present` of `past`, with nothing else in the way.
bool attends_to(const Node& node, const plan::Growing& growing, const Port& port) {
  if (node.op != "Attention" || !node.domain.empty() || node.inputs.size() < 6) return false;
  // Halves are widened before the kernel sees them, and shown scores want keys that lie alone.
  if (port.dtype != DataType::Float32 || port.shape.size() != 4) return false;
  if (node.outputs.size() > 3 && node.outputs[3] != graph::kLeftOut) return false;
  if (std::ranges::count(node.inputs, growing.past) != 1) return false;
  for (const std::size_t output : {1, 2}) {
    if (output < node.outputs.size() && node.outputs[output] == growing.present)
      return node.inputs[output + 3] == growing.past;
  }
  return false;
}

/// The dimension along which `node` puts something behind `past`.
std::optional<std::size_t> axis_of(const Node& node, ValueId past, std::size_t rank) {
  if (node.op != "Concat" || !node.domain.empty() || node.inputs.size() != 2) return std::nullopt;
  if (node.inputs[0] != past || node.inputs[1] == past || node.inputs[1] == graph::kLeftOut)
    return std::nullopt;
  const auto found = std::ranges::find(node.attributes, "axis", &graph::Attribute::name);
  if (found == node.attributes.end()) return std::nullopt;
  const auto axis = kernels::resolve_axis(found->i, rank);
  return axis ? std::optional(*axis) : std::nullopt;
}

std::vector<Shape> rooms_of(Carried& state) {
  std::vector<Shape> rooms;
  for (const Carried::Roomy& roomy : state.roomy()) rooms.push_back(roomy.memory.shape);
  return rooms;
}

}  // namespace

std::optional<Growth> Growth::find(const Graph& graph, std::vector<plan::Item> items,
                                   std::span<const Link> links, Limits limits) {
  Growth growth(graph, std::move(items), {links.begin(), links.end()}, limits);
  growth.outputs_ = graph.outputs;
  for (const Link& link : links) {
    plan::Growing growing;
    growing.past = graph.inputs[link.input];
    growing.present = graph.outputs[link.output];
    for (const plan::Item& item : growth.items_) {
      if (std::ranges::find(item.node->outputs, growing.present) == item.node->outputs.end())
        continue;
      const Port& port = graph.input_ports[link.input];
      growing.by_kernel = attends_to(*item.node, growing, port);
      const auto axis = growing.by_kernel ? std::optional(kAxisOfKeys)
                                          : axis_of(*item.node, growing.past, port.shape.size());
      if (!axis) return std::nullopt;
      growing.node = item.node;
      growing.axis = *axis;
    }
    if (growing.node == nullptr) return std::nullopt;
    growth.growing_.push_back(std::move(growing));
    growth.outputs_[link.output] = graph::kLeftOut;
  }
  return growth;
}

Result<void> Growth::make_rooms(std::span<const Shape> wanted, Carried& state) const {
  std::vector<Carried::Roomy>& all = state.roomy();
  std::vector<Shape> generous, tight;
  std::uint64_t generous_bytes = 0, tight_bytes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Tensor& memory = all[i].memory;
    const std::size_t axis = all[i].axis;
    const bool fits = memory.shape == Shape() ? false : wanted[i][axis] <= memory.shape[axis];
    generous.push_back(fits ? memory.shape : wanted[i]);
    tight.push_back(generous.back());
    if (!fits) generous.back()[axis] += std::max(kFewestSpare, wanted[i][axis] / 2);
    generous_bytes += TRY(byte_count(memory.dtype, generous.back()));
    tight_bytes += TRY(byte_count(memory.dtype, tight.back()));
  }
  if (tight_bytes > state.max_bytes) {
    return unavailable("the state would take ", tight_bytes, " bytes, ", state.max_bytes,
                       " are left for it");
  }
  const std::vector<Shape>& rooms = generous_bytes <= state.max_bytes ? generous : tight;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].memory.shape == rooms[i]) continue;
    Tensor memory = TRY(Tensor::uninitialised(all[i].memory.dtype, rooms[i]));
    copy_corner(all[i].memory, memory, all[i].axis, all[i].shape);
    all[i].memory = std::move(memory);
  }
  return {};
}

Result<std::unique_ptr<plan::Plan>> Growth::make_plan(std::span<const plan::View> views,
                                                      plan::Context& context) {
  const Packing packing(context.machine.shelf());
  std::vector<plan::Operand> operands;
  for (const plan::View& view : views) operands.push_back({view.dtype, view.shape, {}, nullptr});

  folded_before_.begin();
  plan::Request request{*graph_,         items_,       graph_->inputs,    operands, outputs_,
                        context.machine, context.pool, limits_.max_bytes, nullptr,  growing_};
  request.folded_before = &folded_before_;
  return plan::Plan::make(request);
}

Result<plan::Plan*> Growth::find_plan(std::span<const plan::View> views, plan::Context& context) {
  const auto fits = [&](const Known& known) {
    for (std::size_t i = 0; i < views.size(); ++i)
      if (known.shapes[i] != views[i].shape) return false;
    for (std::size_t i = 0; i < growing_.size(); ++i)
      if (known.rooms[i] != growing_[i].room) return false;
    return true;
  };
  const auto found = std::ranges::find_if(plans_, fits);
  if (found != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, found);
    return plans_.front().plan.get();
  }
  Known known;
  for (const plan::View& view : views) known.shapes.push_back(view.shape);
  for (const plan::Growing& growing : growing_) known.rooms.push_back(growing.room);
  known.plan = TRY(make_plan(views, context));
  while (!plans_.empty() && plans_.size() >= std::max<std::size_t>(limits_.max_plans, 1))
    plans_.pop_back();
  plans_.push_front(std::move(known));
  return plans_.front().plan.get();
}

Result<plan::Plan*> Growth::plan_with_room(Carried& state, std::vector<plan::View>& views,
                                           plan::Context& context) {
  while (true) {
    const std::vector<Shape> rooms = rooms_of(state);
    for (std::size_t i = 0; i < links_.size(); ++i) {
      growing_[i].room = rooms[i];
      const Carried::Roomy& roomy = state.roomy()[i];
      views[links_[i].input].look_at(roomy.memory);
      views[links_[i].input].shape = roomy.shape;
    }
    plan::Plan* plan = TRY(find_plan(views, context));
    if (plan->stop() != plan::Stop::None) return plan;
    TRY(state.check_shapes(plan->grown()));
    bool fits = true;
    for (std::size_t i = 0; i < links_.size(); ++i)
      fits &= plan->grown()[i][growing_[i].axis] <= rooms[i][growing_[i].axis];
    if (fits) return plan;
    // How much a run appends, its plan has to say. It must not run, nor be kept.
    const std::vector<Shape> grown = plan->grown();
    plans_.pop_front();
    TRY(make_rooms(grown, state));
  }
}

Result<bool> Growth::run_in_rooms(std::span<const Tensor> inputs, Carried& state, bool first,
                                  plan::Context& context, SecretBytes& arena,
                                  std::vector<Tensor>& outputs) {
  std::vector<plan::View> views(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) views[i].look_at(inputs[i]);
  plan::Plan& plan = *TRY(plan_with_room(state, views, context));
  if (plan.stop() != plan::Stop::None) return false;
  last_cost_ = plan.cost();
  if (arena.size() < plan.arena_bytes()) {
    arena = SecretBytes();  // the smaller one goes first
    arena = SecretBytes(plan.arena_bytes());
  }
  const Result<void> done =
      plan.run(views, arena.expose(), context.pool, context.deadline, outputs);
  if (!done && plan.failed_node() != nullptr)
    return Error(done.error()).context(graph_->describe(*plan.failed_node()));
  TRY(Result<void>(done));
  for (const Link& link : links_) outputs[link.output] = Tensor();
  state.grow(plan.grown(), first);
  return true;
}

Result<bool> Growth::run(std::span<const Tensor> inputs, Carried& state, plan::Context& context,
                         SecretBytes& arena, std::vector<Tensor>& outputs) {
  const bool first = state.empty();
  if (!first && state.roomy().empty()) return false;
  if (first) {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const Tensor& given = inputs[links_[i].input];
      shapes.push_back(given.shape);
      Tensor fitting(given.dtype, given.shape, given.data);
      state.roomy().push_back({given.shape, growing_[i].axis, std::move(fitting), {}});
    }
  }
  auto done = run_in_rooms(inputs, state, first, context, arena, outputs);
  if (done && *done) return true;
  if (first) {
    state.roomy().clear();
  } else if (done) {
    TRY(state.leave_rooms());
  }
  return done;
}

}  // namespace torchkeep::runtime
