#include "torchkeep/runtime/model_state.h"

namespace torchkeep::runtime {
namespace {

constexpr std::size_t kMaxGrowths = 4;
// Of an input that decides shapes by its elements: shapes, axes and bounds are short.
constexpr std::size_t kMaxKnownBytes = 4096;

}  // namespace

Result<void> Model::State::run(std::size_t index, std::span<const Tensor> inputs,
                               std::vector<Tensor>& outputs) {
  const Part& part = parts[index];
  if (inputs.size() != part.inputs.size()) {
    return invalid_argument("there are ", inputs.size(), " inputs, wanted are ",
                            part.inputs.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(check_input(part.inputs[i], inputs[i]));
  MutexLock lock(mutex);
  const Pool::Run threads(pool);
  views.resize(inputs.size());
  known.clear();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    views[i].look_at(inputs[i]);
    // What is larger decides no shapes alone; a plan that needs it stops and goes on with it.
    known.push_back(known_inputs[part.input_places[i]] && inputs[i].data.size() <= kMaxKnownBytes);
  }
  plan::Context context = context_of_run();
  TRY(programs[index]->run(views, known, context, outputs));
  last = programs[index]->last_cost();
  return check_outputs(part.outputs, outputs);
}

Growth* Model::State::find_growth(std::span<const Link> links) {
  const auto same = [&](const Growth& growth) {
    return std::ranges::equal(growth.links(), links, [](const Link& one, const Link& other) {
      return one.input == other.input && one.output == other.output;
    });
  };
  const auto found = std::ranges::find_if(growths, same);
  if (found != growths.end()) return &*found;
  // Its plans are of shapes alone.
  if (std::ranges::find(known_inputs, true) != known_inputs.end()) return nullptr;
  std::vector<plan::Item> items;
  for (const std::size_t i : parts[0].nodes)
    items.push_back({&graph.nodes[i], kernels[i].get(), nullptr});
  auto growth = Growth::find(graph, std::move(items), links,
                             {options.max_activation_bytes, options.max_plans});
  if (!growth) return nullptr;
  // Callers choose the links: what is kept of those is bounded too.
  if (growths.size() == kMaxGrowths) growths.erase(growths.begin());
  growths.push_back(std::move(*growth));
  return &growths.back();
}

Result<std::optional<std::vector<Tensor>>> Model::State::run_growing(std::span<const Tensor> inputs,
                                                                     Carried& state) {
  const Part& part = parts[0];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (state.empty() || !state.is_input(i)) TRY(check_input(part.inputs[i], inputs[i]));
  }
  MutexLock lock(mutex);
  const Pool::Run threads(pool);
  Growth* growth = find_growth(state.links());
  if (growth == nullptr) return std::optional<std::vector<Tensor>>();
  plan::Context context = context_of_run();
  std::vector<Tensor> outputs;
  const bool done = TRY(growth->run(inputs, state, context, arena, outputs));
  if (!done) return std::optional<std::vector<Tensor>>();
  last = growth->last_cost();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (state.is_output(i)) continue;
    auto fit = check_outputs(std::span(&part.outputs[i], 1), std::span(&outputs[i], 1));
    if (fit) continue;
    state.take_back();
    return std::move(fit).error();
  }
  return std::optional(std::move(outputs));
}

Model::Cost Model::State::last_cost() {
  MutexLock lock(mutex);
  return {last.arena_bytes, last.flops, last.read_bytes};
}

}  // namespace torchkeep::runtime
