#include "torchkeep/runtime/model.h"

#include <algorithm>
#include <new>

#include "torchkeep/base/mutex.h"
#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/growth.h"
#include "torchkeep/runtime/guesses.h"
#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/pack.h"
#include "torchkeep/runtime/plan/program.h"
#include "torchkeep/runtime/ports.h"

namespace torchkeep::runtime {
namespace {

constexpr int kMaxThreads = 256;
constexpr std::size_t kMaxGrowths = 4;
// Of an input that decides shapes by its elements: shapes, axes and bounds are short.
constexpr std::size_t kMaxKnownBytes = 4096;

template <typename Outputs>
Result<void> check_outputs(std::span<const Port> ports, const Outputs& outputs) {
  for (std::size_t i = 0; i < ports.size(); ++i)
    TRY(check_output(ports[i], {outputs[i].dtype, outputs[i].shape}));
  return {};
}

}  // namespace

struct Model::State {
  State(SecretBytes bytes, const ModelOptions& wanted)
      : graph_bytes(std::move(bytes)),
        options(wanted),
        pool(std::clamp(wanted.threads, 1, kMaxThreads)) {}

  Result<void> prepare(const std::shared_ptr<SecretBytes>& data);
  void make_programs() REQUIRES(mutex);
  /// For one run, whose time begins now.
  plan::Context context_of_run() REQUIRES(mutex) {
    return {machine, pool, options.max_activation_bytes, Deadline(options.max_run_time)};
  }
  Result<void> plan_for(const std::vector<Shape>& shapes) REQUIRES(mutex);
  /// Packs the weights for a batch of one, or for the first of `batches` if that can not be.
  /// Errors: that of a batch of one, if no size can be planned.
  Result<void> plan_first(std::span<const std::int64_t> batches) REQUIRES(mutex);
  Result<void> run(std::size_t index, std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  /// None if state is to be carried by the answers of ordinary runs.
  Growth* find_growth(std::span<const Link> links) REQUIRES(mutex);
  Result<std::optional<std::vector<Tensor>>> run_growing(std::span<const Tensor> inputs,
                                                         Carried& state);
  std::uint64_t parameter_bytes() const;
  Cost last_cost();

  const SecretBytes graph_bytes;  // first: the graph's names are views into it
  const ModelOptions options;
  graph::Graph graph;
  std::vector<bool> known_inputs;  // for each input, whether its elements decide shapes
  std::vector<Part> parts;         // one, of the whole, or the operators

  Mutex mutex;  // one run at a time; `graph` and the parts never change after loading
  Pool pool GUARDED_BY(mutex);
  dnn::Machine machine GUARDED_BY(mutex);
  std::vector<kernels::KernelPointer> kernels GUARDED_BY(mutex);
  SecretBytes arena GUARDED_BY(mutex);                                     // of all programs
  std::vector<std::unique_ptr<plan::Program>> programs GUARDED_BY(mutex);  // for each part
  std::size_t last_run GUARDED_BY(mutex) = 0;
  std::vector<Growth> growths GUARDED_BY(mutex);    // for sets of links, of which there are few
  std::vector<plan::View> views GUARDED_BY(mutex);  // of the inputs, and which are known: both keep
  std::vector<bool> known GUARDED_BY(mutex);        // their memory from run to run
  std::uint64_t loaded_bytes = 0;
};

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
  if (plan->stop() == plan::Stop::None) TRY(check_outputs(parts[0].outputs, plan->outputs()));
  return {};
}

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
  last_run = index;
  TRY(programs[index]->run(views, known, context, outputs));
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
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (state.is_output(i)) continue;
    auto fit = check_outputs(std::span(&part.outputs[i], 1), std::span(&outputs[i], 1));
    if (fit) continue;
    state.take_back();
    return std::move(fit).error();
  }
  return std::optional(std::move(outputs));
}

Result<std::unique_ptr<Model>> Model::load(const PayloadSource& source, std::uint64_t payload_bytes,
                                           const ModelOptions& options) {
  try {
    Payload payload = TRY(load_payload(source, payload_bytes));
    auto state = std::make_unique<State>(std::move(payload.graph), options);
    TRY(state->prepare(std::make_shared<SecretBytes>(std::move(payload.data))));
    return std::unique_ptr<Model>(new Model(std::move(state)));
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for the model");
  }
}

Result<std::unique_ptr<Model>> Model::load_onnx(const Path& path, const ModelOptions& options) {
  PackedOnnx packed = TRY(PackedOnnx::open(path));
  return load([&](MutableByteView out) { return packed.read(out); }, packed.payload_bytes(),
              options);
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

const std::vector<Port>& Model::inputs() const { return state_->graph.input_ports; }
const std::vector<Port>& Model::outputs() const { return state_->graph.output_ports; }
std::uint64_t Model::parameter_bytes() const { return state_->loaded_bytes; }

Model::Cost Model::State::last_cost() {
  MutexLock lock(mutex);
  return {programs[last_run]->last_arena_bytes(), programs[last_run]->last_flops()};
}

Model::Cost Model::last_cost() { return state_->last_cost(); }

std::span<const Part> Model::operators() const {
  return state_->options.by_operator ? std::span<const Part>(state_->parts)
                                     : std::span<const Part>();
}

Result<std::vector<Tensor>> Model::run(std::span<const Tensor> inputs) {
  std::vector<Tensor> outputs;
  TRY(run(inputs, outputs));
  return outputs;
}

Result<void> Model::run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs) {
  if (state_->options.by_operator) {
    return invalid_argument("this model's operators are called one by one, and never all of it");
  }
  try {
    return state_->run(0, inputs, outputs);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a run");
  }
}

Result<std::vector<Tensor>> Model::run(std::vector<Tensor> inputs, Carried& state) {
  if (inputs.size() != state_->graph.input_ports.size()) {
    return invalid_argument("there are ", inputs.size(), " inputs, wanted are ",
                            state_->graph.input_ports.size());
  }
  if (state_->options.by_operator) {
    return invalid_argument("this model's operators are called one by one, and never all of it");
  }
  try {
    if (auto grown = TRY(state_->run_growing(inputs, state))) return std::move(*grown);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a run");
  }
  return state.run(std::move(inputs), [this](std::span<const Tensor> all) { return run(all); });
}

Result<std::vector<Tensor>> Model::run_operator(std::size_t index, std::span<const Tensor> inputs) {
  if (index >= operators().size()) {
    return invalid_argument("this model has no operator ", index, " that is called by itself");
  }
  try {
    std::vector<Tensor> outputs;
    TRY(state_->run(index, inputs, outputs));
    return outputs;
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a run");
  }
}

}  // namespace torchkeep::runtime
