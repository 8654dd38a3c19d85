#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/json/json.h"
#include "torchkeep/runtime/carried.h"

/// What a request's parameters say of a sequence: runs whose state the worker keeps between them.
/// Grammar: docs/formats/inference-api.md, "Sequences".
namespace torchkeep::worker {

struct SequenceCall {
  std::string id;                    ///< Empty at the start: the worker chooses it.
  bool start = false, end = false;   ///< At most one of the two.
  std::vector<runtime::Link> state;  ///< Of a start.
};

/// Takes the sequence's fields out of `parameters`; none if there are none.
/// Errors: Malformed, naming the field, or the ports that do not go together.
Result<std::optional<SequenceCall>> parse_sequence_call(json::ObjectReader& parameters,
                                                        std::span<const runtime::Port> inputs,
                                                        std::span<const runtime::Port> outputs);

/// Where in `ports` the one of that name is; `what` is "input" or "output".
/// Errors: Malformed, naming those that there are.
Result<std::size_t> find_port(std::span<const runtime::Port> ports, std::string_view name,
                              std::string_view what);

}  // namespace torchkeep::worker
