#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/guesses.h"
#include "torchkeep/runtime/model_state.h"
#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime {

Result<void> Model::State::prepare(const std::shared_ptr<SecretBytes>& data) {
  MutexLock lock(mutex);
  const Pool::Run threads(pool);
  graph = TRY(graph::check_graph(graph_bytes.expose(), data));
  const std::vector<std::int64_t> batches = named_batches(graph);  // while constants are as written
  // Also of nodes that the optimiser takes out: what is wrong with them is wrong with the model.
  for (const graph::Node& node : graph.nodes) TRY(kernels::make_kernel(graph, node));
  TRY(optimise::optimise(graph, machine, pool, options.max_activation_bytes));
  if (options.by_operator) {
    parts = TRY(split_operators(graph));
  } else {
    parts.push_back(whole_part(graph));
  }
  std::vector<bool> needed(graph.values.size(), false);
  for (const graph::ValueId output : graph.outputs) needed[output] = true;
  for (const graph::Node& node : graph.nodes) {
    kernels.push_back(TRY(kernels::make_kernel(graph, node)));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != graph::kLeftOut && !kernels.back()->packs(i))
        needed[node.inputs[i]] = true;
    }
    for (const graph::ValueId capture : node.captures) needed[capture] = true;
    if (node.residual != graph::kLeftOut) needed[node.residual] = true;
  }
  for (graph::ValueId value = 0; value < graph.values.size(); ++value) {
    if (!needed[value])
      graph.values[value].constant.reset();  // kernels hold what they are yet to pack
  }
  known_inputs = find_known_inputs(graph, kernels);
  make_programs();
  // An operator's shapes are anybody's guess: it packs its parameters when it is called first.
  if (options.by_operator) {
    loaded_bytes = parameter_bytes();
    return {};
  }
  TRY(plan_first(batches));
  loaded_bytes = parameter_bytes();
  return {};
}

Result<void> Model::State::plan_first(std::span<const std::int64_t> batches) {
  const Guess guess = guess_shapes(graph.input_ports, 1);
  const Result<void> first = plan_for(guess.shapes);
  if (first) return {};
  // Where more than the batch was guessed, the guess may be what is wrong.
  if (guess.is_bold || std::ranges::find(known_inputs, true) != known_inputs.end()) return {};
  if (!guess.has_batch) return first.error();
  for (const std::int64_t batch : batches)
    if (plan_for(guess_shapes(graph.input_ports, batch).shapes)) return {};
  return first.error();
}

void Model::State::make_programs() {
  for (const Part& part : parts) {
    std::vector<plan::Item> items;
    for (const std::size_t i : part.nodes)
      items.push_back({&graph.nodes[i], kernels[i].get(), nullptr});
    std::vector<graph::ValueId> inputs, outputs;
    for (const std::size_t i : part.input_places) inputs.push_back(graph.inputs[i]);
    for (const std::size_t i : part.output_places) outputs.push_back(graph.outputs[i]);
    programs.push_back(std::make_unique<plan::Program>(
        graph, std::move(items), std::move(inputs), std::move(outputs),
        plan::ProgramLimits{options.max_activation_bytes, options.max_plans}, &arena));
  }
}

std::uint64_t Model::State::parameter_bytes() const {
  std::uint64_t bytes = 0;
  for (const kernels::KernelPointer& kernel : kernels) bytes += kernel->packed_bytes();
  for (const graph::Value& value : graph.values) {
    if (value.constant) bytes += std::as_const(*value.constant).bytes().size();
  }
  return bytes;
}

Result<void> Model::State::plan_for(const std::vector<Shape>& shapes) {
  std::vector<plan::View> guesses;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    guesses.push_back({graph.input_ports[i].dtype, shapes[i], nullptr});
  plan::Context context{machine, pool, options.max_activation_bytes};
  const plan::Plan* plan = TRY(programs[0]->prepare(guesses, context));
  last = plan->cost();
  if (plan->stop() == plan::Stop::None) TRY(check_outputs(parts[0].outputs, plan->outputs()));
  return {};
}

}  // namespace torchkeep::runtime
