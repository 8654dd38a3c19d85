#include "torchkeep/runtime/model.h"

#include <new>

#include "torchkeep/runtime/model_state.h"
#include "torchkeep/runtime/pack.h"

namespace torchkeep::runtime {

Result<std::unique_ptr<Model>> Model::make(Payload payload, const ModelOptions& options) {
  auto state = std::make_unique<State>(std::move(payload.graph), options);
  TRY(state->prepare(std::make_shared<SecretBytes>(std::move(payload.data))));
  return std::unique_ptr<Model>(new Model(std::move(state)));
}

Result<std::unique_ptr<Model>> Model::load(const PayloadSource& source, std::uint64_t payload_bytes,
                                           const ModelOptions& options) {
  try {
    return make(TRY(load_payload(source, payload_bytes)), options);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for the model");
  }
}

Result<std::unique_ptr<Model>> Model::load_onnx(const Path& path, const ModelOptions& options) {
  const auto load_file = [&]() -> Result<Payload> {
    PackedOnnx packed = TRY(PackedOnnx::open(path));
    return load_payload([&](MutableByteView out) { return packed.read(out); },
                        packed.payload_bytes());
  };
  try {
    return make(TRY(load_file()), options);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for the model");
  }
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

const std::vector<Port>& Model::inputs() const { return state_->graph.input_ports; }
const std::vector<Port>& Model::outputs() const { return state_->graph.output_ports; }
std::uint64_t Model::parameter_bytes() const { return state_->loaded_bytes; }

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
