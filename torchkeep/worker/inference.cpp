#include "torchkeep/worker/inference.h"

#include <algorithm>

namespace torchkeep::worker {
namespace {

using channel::HttpResponse;
using runtime::Tensor;

/// What a request calls: a whole model, or one of its operators.
struct Callee {
  std::span<const runtime::Port> inputs;
  std::span<const runtime::Port> outputs;
  std::optional<std::size_t> operator_index;
};

/// A whole model never answers by operator, whatever its owner's policy says: its container says
/// what it is. Errors: NotFound, InvalidArgument.
Result<Callee> find_callee(const Engine& engine, const std::optional<std::string>& name) {
  const auto operators = engine.operators();
  if (!name) {
    if (operators.empty()) return Callee{engine.inputs(), engine.outputs(), std::nullopt};
    return invalid_argument(
        "this model's operators are called one by one: POST .../operators/NAME/infer");
  }
  if (operators.empty())
    return not_found("this model is served whole: it has no operators to call");
  const auto found = std::ranges::lower_bound(operators, *name, {}, &runtime::Part::name);
  if (found == operators.end() || found->name != *name)
    return not_found("no operator \"", *name, "\" in this model");
  return Callee{found->inputs, found->outputs, static_cast<std::size_t>(found - operators.begin())};
}

/// The engine names nodes of a graph that is its owner's secret; only what it says of inputs is the
/// client's to read.
Error without_secrets(Error error, bool of_sequence) {
  if (error.code == ErrorCode::InvalidArgument) return error;
  if (error.code == ErrorCode::Malformed)
    return invalid_argument("the model cannot run on inputs of these shapes");
  if (error.code != ErrorCode::Unavailable) return internal_error("the engine failed");
  return unavailable("memory is short for inputs of these shapes, or the run takes longer than it "
                     "may (max_activation_bytes and max_run_seconds in config.json)",
                     of_sequence ? ", or for the state of all sequences (max_sequence_bytes)" : "");
}

Result<void> take_request(const AnswerHead& head, ServingLease& lease) {
  if (const auto taken = lease.take_request(); !taken) {
    return unavailable("model \"", head.model, "\" version ", head.version,
                       " is not served: ", taken.error().message);
  }
  return {};
}

/// The batch of what the client sent, for a state that begins empty.
std::int64_t batch_of(const InferRequest& request, std::span<const runtime::Port> ports) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const bool sent = std::ranges::find(request.missing, i) == request.missing.end();
    if (sent && !ports[i].shape.empty() && ports[i].shape[0] == -1)
      return request.inputs[i].shape[0];
  }
  return 1;
}

/// Inputs that were not sent are the state's, and the state's are not sent but at the start.
/// Errors: Malformed; InvalidArgument as `runtime::make_empty_state`.
Result<void> fill_inputs(InferRequest& request, const Callee& callee,
                         const runtime::Carried& state) {
  for (const std::size_t i : request.missing) {
    if (!state.is_input(i)) return malformed("input \"", callee.inputs[i].name, "\" is missing");
    if (!state.empty()) continue;
    request.inputs[i] =
        TRY(runtime::make_empty_state(callee.inputs[i], batch_of(request, callee.inputs)));
  }
  if (state.empty()) return {};
  for (const runtime::Link& link : state.links()) {
    if (std::ranges::find(request.missing, link.input) == request.missing.end()) {
      return malformed("input \"", callee.inputs[link.input].name,
                       "\" is this sequence's state, which is kept here: it is not sent again");
    }
  }
  return {};
}

Result<SequenceHold> hold_sequence(const SequenceCall& call, const Callee& callee,
                                   SequenceStore& sequences) {
  if (!call.start) return sequences.take(call.id);
  return sequences.start(
      std::make_unique<runtime::Carried>(callee.inputs, callee.outputs, call.state));
}

/// One step of a sequence. State is answered only where it is asked for by name.
Result<HttpResponse> run_step(InferRequest request, InferCall call, const Callee& callee,
                              Admission& admitted) {
  const SequenceCall& wanted = *request.sequence;
  if (callee.operator_index)
    return invalid_argument("an operator that is called by itself has no sequences");
  SequenceHold hold = TRY(hold_sequence(wanted, callee, *admitted.sequences));
  runtime::Carried& state = hold.state();
  std::vector<Tensor> outputs(callee.outputs.size());
  if (request.runs) {
    TRY(fill_inputs(request, callee, state));
    TRY(take_request(call.head, *admitted.lease));
    auto made = admitted.engine->run(std::move(request.inputs), state);
    if (!made) return without_secrets(std::move(made).error(), true);
    outputs = std::move(made).value();
  }
  std::erase_if(request.outputs, [&](const RequestedOutput& output) {
    return !request.runs || (!request.outputs_named && state.is_output(output.index));
  });
  for (const RequestedOutput& output : request.outputs) {
    if (state.is_output(output.index)) {
      auto copy = state.copy(output.index);
      if (!copy) return without_secrets(std::move(copy).error(), true);
      outputs[output.index] = std::move(copy).value();
    }
  }
  call.head.id = std::move(request.id);
  if (!wanted.end) call.head.sequence_id = hold.id();
  HttpResponse response =
      TRY(encode_infer_response(call.head, request.outputs, callee.outputs, outputs));
  // Only now: a client that gets no answer finds its sequence as it was.
  state.accept();
  if (wanted.end) {
    hold.end();
  } else {
    hold.keep();
  }
  return response;
}

}  // namespace

Result<HttpResponse> infer(InferCall call, Admission& admitted) {
  Engine& engine = *admitted.engine;
  const Callee callee = TRY(find_callee(engine, call.operator_name));
  InferRequest request =
      TRY(parse_infer_request(call.body, call.json_bytes, callee.inputs, callee.outputs));
  if (request.sequence) return run_step(std::move(request), std::move(call), callee, admitted);
  TRY(take_request(call.head, *admitted.lease));
  auto outputs = callee.operator_index ? engine.run_operator(*callee.operator_index, request.inputs)
                                       : engine.run(request.inputs);
  if (!outputs) return without_secrets(std::move(outputs).error(), false);
  call.head.id = std::move(request.id);
  return encode_infer_response(call.head, request.outputs, callee.outputs, *outputs);
}

}  // namespace torchkeep::worker
