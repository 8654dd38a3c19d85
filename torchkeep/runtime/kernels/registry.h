#pragma once

#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/kernels/node_reader.h"

/// Which operators there are.
namespace torchkeep::runtime::kernels {

using KernelPointer = std::unique_ptr<Kernel>;

struct Operator {
  std::string_view name;
  std::int64_t since;  ///< The oldest operator set in which it means what the kernel does.
  std::size_t min_inputs, max_inputs;
  std::size_t max_outputs;
  Result<KernelPointer> (*make)(NodeReader& node);
  bool needs_first_output = true;  ///< Otherwise any of them will do.
};

/// All that there are, sorted by name.
std::vector<Operator> operators();

/// Makes the kernel of a node. Errors: Malformed, naming the node: an operator that is not there,
/// a wrong count of inputs, an attribute that is wrong or not known.
Result<KernelPointer> make_kernel(const graph::Graph& graph, const graph::Node& node);

}  // namespace torchkeep::runtime::kernels
