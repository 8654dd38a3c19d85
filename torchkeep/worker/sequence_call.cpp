#include "torchkeep/worker/sequence_call.h"

namespace torchkeep::worker {
namespace {

using runtime::Link;
using runtime::Port;

Result<std::vector<Link>> parse_state(const json::Json& list, std::span<const Port> inputs,
                                      std::span<const Port> outputs) {
  std::vector<Link> links;
  for (const json::Json& value : list) {
    json::ObjectReader reader = TRY(json::ObjectReader::open(value, "sequence_state"));
    const std::string output = TRY(reader.take_string("output"));
    const std::string input = TRY(reader.take_string("input"));
    TRY(reader.finish());
    links.push_back({TRY(find_port(outputs, output, "sequence_state: output")),
                     TRY(find_port(inputs, input, "sequence_state: input"))});
  }
  if (auto good = runtime::check_links(inputs, outputs, links); !good)
    return malformed("sequence_state: ", good.error().message);
  return links;
}

}  // namespace

Result<std::size_t> find_port(std::span<const Port> ports, std::string_view name,
                              std::string_view what) {
  std::string known;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name == name) return i;
    known += (i == 0 ? "\"" : ", \"") + ports[i].name + "\"";
  }
  return malformed(what, " \"", name, "\" is none of the model's: ", known);
}

Result<std::optional<SequenceCall>> parse_sequence_call(json::ObjectReader& parameters,
                                                        std::span<const Port> inputs,
                                                        std::span<const Port> outputs) {
  SequenceCall call;
  const auto id = TRY(parameters.find_string("sequence_id"));
  call.start = TRY(parameters.find_bool("sequence_start")).value_or(false);
  call.end = TRY(parameters.find_bool("sequence_end")).value_or(false);
  const bool state = parameters.has("sequence_state");
  if (!call.start) {
    if (state)
      return malformed("parameters: sequence_state is said at the start of a sequence only");
    if (!id && call.end) return malformed("parameters: sequence_end wants the sequence_id");
    if (!id) return std::optional<SequenceCall>();
    call.id = *id;
    return std::optional(std::move(call));
  }
  if (id) {
    return malformed(
        "parameters: sequence_id is not the client's to choose: a start is answered with it");
  }
  if (call.end)
    return malformed(
        "parameters: a sequence that ends where it starts keeps nothing: send a plain "
        "request");
  if (!state)
    return malformed(
        "parameters: sequence_start wants sequence_state, a list of "
        "{\"output\",\"input\"}");
  call.state = TRY(parse_state(*TRY(parameters.take_array("sequence_state")), inputs, outputs));
  return std::optional(std::move(call));
}

}  // namespace torchkeep::worker
