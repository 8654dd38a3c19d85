#pragma once

#include "torchkeep/runtime/graph/parse.h"

/// From a message to a graph that can be trusted in its form: what each node reads is made before
/// it and only once, what lies outside the message lies within the data, nothing overlaps. What an
/// operator wants of its inputs is checked by its kernel.
namespace torchkeep::runtime::graph {

// Kernels say themselves since which operator set they mean what they do (kernels/registry.cpp).
inline constexpr std::int64_t kOldestOpset = 1;
inline constexpr std::int64_t kNewestOpset = 23;

/// `model` is a ModelProto whose initializers all lie in `data`; the graph's names are views into
/// it. Constant nodes become constants.
/// Errors: Malformed, naming the node or value.
Result<Graph> check_graph(ByteView model, const std::shared_ptr<SecretBytes>& data);

}  // namespace torchkeep::runtime::graph
