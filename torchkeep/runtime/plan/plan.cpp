#include "torchkeep/runtime/plan/plan.h"

#include <algorithm>

#include "torchkeep/runtime/plan/guard.h"
#include "torchkeep/runtime/plan/halves.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {

Result<std::unique_ptr<Plan>> Plan::make(const Request& request) { return Planner(request).make(); }

Cost Plan::count_cost() const {
  Cost cost{arena_bytes_, 0, 0};
  std::vector<bool> seen(buffers_.size(), false);  // by an earlier step
  std::vector<BufferId> named;
  for (const Step& step : steps_) {
    cost.flops += step.flops;
    named = step.buffers;
    std::ranges::sort(named);
    named.erase(std::unique(named.begin(), named.end()), named.end());
    for (const BufferId id : named) {
      const Buffer::Place place = buffers_[id].place;
      // A step that is the first to name an output makes it.
      const bool is_read = place == Buffer::Place::Fixed || place == Buffer::Place::Input ||
                           (place == Buffer::Place::Output && seen[id]);
      if (step.flops > 0 && is_read) cost.read_bytes += buffers_[id].bytes;
      seen[id] = true;
    }
  }
  return cost;
}

Result<void> Plan::run(std::span<const View> inputs, MutableByteView arena, Pool& pool,
                       Deadline& deadline, std::vector<Tensor>& outputs) {
  TORCHKEEP_CHECK(arena.size() >= arena_bytes_);
  failed_node_ = nullptr;
  TRY(deadline.check(0));  // a loop may have no steps
  outputs.resize(outputs_.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Operand& output = outputs_[i];
    if (outputs[i].data.size() == TRY(byte_count(output.dtype, output.shape))) {
      outputs[i].dtype = output.dtype;
      outputs[i].shape = output.shape;
    } else {
      outputs[i] = TRY(Tensor::uninitialised(output.dtype, output.shape));
    }
  }
  const auto place = [&](const Buffer& buffer) -> std::byte* {
    switch (buffer.place) {
      case Buffer::Place::Arena: return reinterpret_cast<std::byte*>(arena.data() + buffer.offset);
      case Buffer::Place::Input:
        // Steps only read what is handed in.
        return const_cast<std::byte*>(inputs[buffer.offset].data);
      case Buffer::Place::Output:
        return reinterpret_cast<std::byte*>(outputs[buffer.offset].data.data());
      case Buffer::Place::Fixed: break;
    }
    return buffer.fixed;
  };
  std::size_t next = 0;
  for (const Step& step : steps_) {
    for (const BufferId buffer : step.buffers) memory_[next++] = place(buffers_[buffer]);
  }
  next = 0;
  ArenaGuard guard(buffers_, arena.first(arena_bytes_), outputs);
  for (Step& step : steps_) {
    failed_node_ = step.node;
    TRY(deadline.check(step.work));
    guard.open(step);
    TRY(step.action(std::span<std::byte* const>(memory_).subspan(next, step.buffers.size()), pool));
    guard.close(step);
    next += step.buffers.size();
  }
  return {};
}

namespace {

/// The outputs of a node that runs by itself, whose inputs are all known.
Result<std::vector<Tensor>> run_alone(const Request& request, const graph::Node& node,
                                      kernels::Kernel& kernel, const KnownValues& known) {
  std::vector<View> views;
  for (const graph::ValueId value : node.inputs) {
    if (value == graph::kLeftOut) {
      views.emplace_back();
      continue;
    }
    const auto found = known.find(value);
    const ConstantPointer constant =
        found != known.end() ? found->second : request.graph.values[value].constant;
    views.push_back(View::of(*constant));
  }
  Context context{request.machine, request.pool, request.max_bytes};
  return run_kernel_alone(kernel, views, context);
}

Result<std::vector<Tensor>> run_planned(const Request& request, const graph::Node& node,
                                        kernels::Kernel& kernel, const KnownValues& known) {
  const Item item{&node, &kernel, nullptr};
  const Request alone{request.graph, {&item, 1},        {},     {}, node.outputs, request.machine,
                      request.pool,  request.max_bytes, &known, {}, false};
  const std::unique_ptr<Plan> plan = TRY(Plan::make(alone));
  if (plan->stop() != Stop::None) return malformed("it depends on what is not known");
  SecretBytes arena(plan->arena_bytes());
  std::vector<Tensor> outputs;
  Deadline none;
  TRY(plan->run({}, arena.expose(), request.pool, none, outputs));
  return outputs;
}

}  // namespace

Result<std::vector<ConstantPointer>> evaluate(const Request& request, const graph::Node& node,
                                              kernels::Kernel& kernel, const KnownValues& known) {
  if (!node.bodies.empty()) return malformed("it has graphs of its own");
  const std::vector<Tensor> outputs =
      TRY(kernel.runs_alone() ? run_alone(request, node, kernel, known)
                              : run_planned(request, node, kernel, known));
  std::vector<ConstantPointer> constants;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == graph::kLeftOut) {
      constants.push_back(nullptr);
      continue;
    }
    if (i >= outputs.size()) return malformed("output ", i, " is not supported");
    const std::shared_ptr<graph::Constant> constant =
        TRY(graph::Constant::make(outputs[i].dtype, outputs[i].shape));
    std::ranges::copy(outputs[i].data, constant->bytes().begin());
    constants.push_back(constant);
  }
  return constants;
}

}  // namespace torchkeep::runtime::plan
