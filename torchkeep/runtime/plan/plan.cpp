#include "torchkeep/runtime/plan/plan.h"

#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {

Result<std::unique_ptr<Plan>> Plan::make(const Request& request) { return Planner(request).make(); }

double Plan::flops() const {
  double sum = 0;
  for (const Step& step : steps_) sum += step.flops;
  return sum;
}

Result<std::vector<Tensor>> Plan::run(std::span<const Tensor> inputs, MutableByteView arena,
                                      Pool& pool) {
  TORCHKEEP_CHECK(arena.size() >= arena_bytes_);
  std::vector<Tensor> outputs;
  outputs.reserve(outputs_.size());
  for (const Operand& output : outputs_) {
    outputs.push_back(TRY(Tensor::uninitialised(output.dtype, output.shape)));
  }
  const auto place = [&](const Buffer& buffer) -> std::byte* {
    switch (buffer.place) {
      case Buffer::Place::Arena: return reinterpret_cast<std::byte*>(arena.data() + buffer.offset);
      case Buffer::Place::Input:
        // Steps only read what is handed in.
        return const_cast<std::byte*>(
            reinterpret_cast<const std::byte*>(inputs[buffer.offset].data.data()));
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
  for (Step& step : steps_) {
    failed_node_ = step.node;
    TRY(step.action(std::span<std::byte* const>(memory_).subspan(next, step.buffers.size()), pool));
    next += step.buffers.size();
  }
  return outputs;
}

Result<std::vector<ConstantPointer>> evaluate(const Request& request, const graph::Node& node,
                                              const std::unique_ptr<kernels::Kernel>& kernel,
                                              const KnownValues& known) {
  const Request alone{request.graph,   {&node, 1},   {&kernel, 1},      {},     node.outputs,
                      request.machine, request.pool, request.max_bytes, &known, false};
  const std::unique_ptr<Plan> plan = TRY(Plan::make(alone));
  SecretBytes arena(plan->arena_bytes());
  std::vector<Tensor> outputs = TRY(plan->run({}, arena.expose(), request.pool));
  std::vector<ConstantPointer> constants;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (node.outputs[i] == graph::kLeftOut) {
      constants.push_back(nullptr);
      continue;
    }
    const std::shared_ptr<graph::Constant> constant =
        TRY(graph::Constant::make(outputs[i].dtype, outputs[i].shape));
    std::ranges::copy(outputs[i].data, constant->bytes().begin());
    constants.push_back(constant);
  }
  return constants;
}

}  // namespace torchkeep::runtime::plan
