#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// Graphs within nodes, for the operators that have them.
namespace torchkeep::runtime::kernels {

struct BodyKernels {
  const graph::Body* body = nullptr;
  std::vector<KernelPointer> kernels;  ///< One for each of the body's nodes.

  std::vector<plan::Item> items() const;
};

/// Errors: Malformed if the node has no such graph, or as make_kernel's.
Result<BodyKernels> make_body_kernels(NodeReader& node, std::string_view attribute);

/// The captures of a node that are computed: its graphs' inputs beyond their own.
std::vector<graph::ValueId> computed_captures(const NodeReader& node);

}  // namespace torchkeep::runtime::kernels
