#include "torchkeep/runtime/model.h"

#include <algorithm>
#include <list>
#include <new>

#include "torchkeep/base/mutex.h"
#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/pack.h"
#include "torchkeep/runtime/plan/plan.h"

namespace torchkeep::runtime {
namespace {

constexpr int kMaxThreads = 256;
// What a dimension is taken for when weights are packed, until a run says what it is.
constexpr std::int64_t kGuessedBatch = 1, kGuessedSize = 224;
// Of an input that decides shapes by its elements: shapes, axes and bounds are short.
constexpr std::size_t kMaxKnownBytes = 4096;

/// The inputs' shapes with a guess for what the caller chooses, and whether there was more to guess
/// than the batch.
std::pair<std::vector<Shape>, bool> guess_shapes(const std::vector<Port>& ports) {
  std::vector<Shape> shapes;
  bool bold = false;
  for (const Port& port : ports) {
    Shape shape = port.shape;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != -1) continue;
      shape[i] = i == 0 ? kGuessedBatch : kGuessedSize;
      bold |= i != 0;
    }
    shapes.push_back(std::move(shape));
  }
  return {std::move(shapes), bold};
}

/// Which inputs decide shapes by their elements, like the new shape of a Reshape that the caller
/// hands in.
std::vector<bool> find_known_inputs(const graph::Graph& graph,
                                    std::span<const kernels::KernelPointer> kernels) {
  std::vector<bool> known(graph.values.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const graph::Node& node = graph.nodes[i];
    const auto wanted = [&](graph::ValueId value) {
      return value != graph::kLeftOut && known[value];
    };
    const bool all =
        !kernels[i]->looks_at_shapes_only() && std::ranges::any_of(node.outputs, wanted);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] != graph::kLeftOut && (all || kernels[i]->needs_known(k)))
        known[node.inputs[k]] = true;
    }
  }
  std::vector<bool> inputs;
  for (const graph::ValueId input : graph.inputs) inputs.push_back(known[input]);
  return inputs;
}

bool fits(const Shape& shape, const Shape& declared) {
  return std::ranges::equal(shape, declared, [](std::int64_t size, std::int64_t wanted) {
    return wanted == -1 || size == wanted;
  });
}

Result<void> check_input(const Port& port, const Tensor& tensor) {
  if (tensor.dtype != port.dtype) {
    return invalid_argument("input \"", port.name, "\" is ", name_of(tensor.dtype), ", wanted is ",
                            name_of(port.dtype));
  }
  if (!fits(tensor.shape, port.shape)) {
    return invalid_argument("input \"", port.name, "\" has shape ", describe(tensor.shape),
                            ", wanted is ", describe(port.shape));
  }
  const Result<std::uint64_t> bytes = byte_count(tensor.dtype, tensor.shape);
  if (!bytes || *bytes != tensor.data.size()) {
    return invalid_argument("input \"", port.name, "\" has ", tensor.data.size(),
                            " bytes, which do not follow its shape ", describe(tensor.shape));
  }
  return {};
}

}  // namespace

struct Model::State {
  /// What a plan depends on.
  struct Key {
    std::vector<Shape> shapes;
    SecretBuffer known;  ///< Of the inputs that decide shapes, the elements one after the other.
    bool operator==(const Key& other) const {
      return shapes == other.shapes && known == other.known;
    }
  };
  struct KeptPlan {
    Key key;
    std::unique_ptr<plan::Plan> plan;
  };

  State(SecretBytes bytes, const ModelOptions& wanted)
      : graph_bytes(std::move(bytes)),
        options(wanted),
        pool(std::clamp(wanted.threads, 1, kMaxThreads)) {}

  Result<void> prepare(const std::shared_ptr<SecretBytes>& data);
  Result<plan::Plan*> find_plan(std::span<const Tensor> inputs) REQUIRES(mutex);
  Result<plan::Plan*> make_plan(Key key, const plan::KnownValues& known) REQUIRES(mutex);
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);
  std::uint64_t parameter_bytes() const;
  Cost last_cost();

  const SecretBytes graph_bytes;  // first: the graph's names are views into it
  const ModelOptions options;
  graph::Graph graph;
  std::vector<bool> known_inputs;  // for each input, whether its elements decide shapes

  Mutex mutex;  // one run at a time; `graph` and the ports never change after loading
  Pool pool GUARDED_BY(mutex);
  dnn::Machine machine GUARDED_BY(mutex);
  std::vector<kernels::KernelPointer> kernels GUARDED_BY(mutex);
  std::list<KeptPlan> plans GUARDED_BY(mutex);  // the last used first
  SecretBytes arena GUARDED_BY(mutex);
  std::uint64_t loaded_bytes = 0;
};

Result<void> Model::State::prepare(const std::shared_ptr<SecretBytes>& data) {
  MutexLock lock(mutex);
  const Pool::Run threads(pool);
  graph = TRY(graph::check_graph(graph_bytes.expose(), data));
  // Also of nodes that the optimiser takes out: what is wrong with them is wrong with the model.
  for (const graph::Node& node : graph.nodes) TRY(kernels::make_kernel(graph, node));
  TRY(optimise::optimise(graph, machine, pool, options.max_activation_bytes));
  std::vector<bool> needed(graph.values.size(), false);
  for (const graph::ValueId output : graph.outputs) needed[output] = true;
  for (const graph::Node& node : graph.nodes) {
    kernels.push_back(TRY(kernels::make_kernel(graph, node)));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != graph::kLeftOut && !kernels.back()->packs(i))
        needed[node.inputs[i]] = true;
    }
    if (node.residual != graph::kLeftOut) needed[node.residual] = true;
  }
  for (graph::ValueId value = 0; value < graph.values.size(); ++value) {
    if (!needed[value])
      graph.values[value].constant.reset();  // kernels hold what they are yet to pack
  }
  known_inputs = find_known_inputs(graph, kernels);
  auto [shapes, bold] = guess_shapes(graph.input_ports);
  bold |= std::ranges::find(known_inputs, true) != known_inputs.end();
  const Result<plan::Plan*> first = make_plan({std::move(shapes), {}}, {});
  // Where more than the batch was guessed, the guess may be what is wrong.
  if (!first && !bold) return first.error();
  loaded_bytes = parameter_bytes();
  return {};
}

std::uint64_t Model::State::parameter_bytes() const {
  std::uint64_t bytes = 0;
  for (const kernels::KernelPointer& kernel : kernels) bytes += kernel->packed_bytes();
  for (const graph::Value& value : graph.values) {
    if (value.constant) bytes += std::as_const(*value.constant).bytes().size();
  }
  return bytes;
}

Result<plan::Plan*> Model::State::find_plan(std::span<const Tensor> inputs) {
  Key key;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    key.shapes.push_back(inputs[i].shape);
    if (!known_inputs[i]) continue;
    if (inputs[i].data.size() > kMaxKnownBytes) {
      return malformed("input \"", graph.input_ports[i].name,
                       "\" decides shapes and has more than ", kMaxKnownBytes, " bytes");
    }
    key.known.insert(key.known.end(), inputs[i].data.begin(), inputs[i].data.end());
  }
  const auto found = std::ranges::find(plans, key, &KeptPlan::key);
  if (found != plans.end()) {
    plans.splice(plans.begin(), plans, found);
    return plans.front().plan.get();
  }
  plan::KnownValues known;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!known_inputs[i]) continue;
    const auto constant = TRY(graph::Constant::make(inputs[i].dtype, inputs[i].shape));
    std::ranges::copy(inputs[i].data, constant->bytes().begin());
    known[graph.inputs[i]] = constant;
  }
  return make_plan(std::move(key), known);
}

Result<plan::Plan*> Model::State::make_plan(Key key, const plan::KnownValues& known) {
  const std::vector<Shape>& shapes = key.shapes;
  std::vector<plan::Operand> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    TRY(byte_count(graph.input_ports[i].dtype, shapes[i]).context(graph.input_ports[i].name));
    const auto elements = known.find(graph.inputs[i]);
    inputs.push_back({graph.input_ports[i].dtype,
                      shapes[i],
                      {},
                      elements == known.end() ? nullptr : elements->second});
  }
  auto made = TRY(plan::Plan::make({graph, graph.nodes, kernels, inputs, graph.outputs, machine,
                                    pool, options.max_activation_bytes, &known}));
  for (std::size_t i = 0; i < graph.output_ports.size(); ++i) {
    const Port& port = graph.output_ports[i];
    const plan::Operand& output = made->outputs()[i];
    if (output.dtype != port.dtype || !fits(output.shape, port.shape)) {
      return malformed("output \"", port.name, "\" is ", name_of(output.dtype), " ",
                       describe(output.shape), ", the graph declares ", name_of(port.dtype), " ",
                       describe(port.shape));
    }
  }
  if (arena.size() < made->arena_bytes()) {
    arena = SecretBytes();  // the smaller one goes first
    arena = SecretBytes(made->arena_bytes());
  }
  while (!plans.empty() && plans.size() >= std::max<std::size_t>(options.max_plans, 1))
    plans.pop_back();
  plans.push_front({std::move(key), std::move(made)});
  return plans.front().plan.get();
}

Result<std::vector<Tensor>> Model::State::run(std::span<const Tensor> inputs) {
  if (inputs.size() != graph.input_ports.size()) {
    return invalid_argument("there are ", inputs.size(), " inputs, wanted are ",
                            graph.input_ports.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(check_input(graph.input_ports[i], inputs[i]));
  MutexLock lock(mutex);
  const Pool::Run threads(pool);
  plan::Plan* plan = TRY(find_plan(inputs));
  auto outputs = plan->run(inputs, arena.expose(), pool);
  if (!outputs)
    return std::move(outputs).error().context(graph.describe(graph.nodes[plan->failed_node()]));
  return outputs;
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
  if (plans.empty()) return {};
  return {plans.front().plan->arena_bytes(), plans.front().plan->flops()};
}

Model::Cost Model::last_cost() { return state_->last_cost(); }

Result<std::vector<Tensor>> Model::run(std::span<const Tensor> inputs) {
  try {
    return state_->run(inputs);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a run");
  }
}

}  // namespace torchkeep::runtime
