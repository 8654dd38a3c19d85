#pragma once

#include <unordered_map>

#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/plan/builder.h"

/// What is done, in which order and in which memory, to run a graph on inputs of certain shapes.
namespace torchkeep::runtime::plan {

struct Buffer {
  enum class Place { Arena, Input, Output, Fixed } place = Place::Arena;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  ///< In the arena; the number of the input or output tensor otherwise.
  std::byte* fixed = nullptr;
  std::shared_ptr<const void> owner;  ///< Of fixed memory.
};

struct Step {
  std::vector<BufferId> buffers;
  Action action;
  std::uint32_t node = 0;
  std::string implementation;  ///< oneDNN's, or "" for our own.
  double flops = 0;            ///< Of convolutions and matrix products.
};

using ConstantPointer = std::shared_ptr<const graph::Constant>;
/// Elements that are known beside the graph's own constants.
using KnownValues = std::unordered_map<graph::ValueId, ConstantPointer>;

/// What is planned: nodes in order, a kernel for each, and what is known of their values.
struct Request {
  const graph::Graph& graph;
  std::span<const graph::Node> nodes;
  std::span<const std::unique_ptr<kernels::Kernel>> kernels;
  std::span<const Operand> inputs;  ///< One for each of graph.inputs.
  std::span<const graph::ValueId> outputs;
  dnn::Machine& machine;
  Pool& pool;
  std::uint64_t max_bytes = 0;  ///< Of arena and outputs together.
  const KnownValues* known = nullptr;
  bool fold = true;  ///< Nodes whose inputs are known by now are run while planning.
};

/// *Lives with one model.*
class Plan {
 public:
  /// Errors: Malformed, naming the node; Unavailable above `max_bytes`.
  static Result<std::unique_ptr<Plan>> make(const Request& request);

  std::uint64_t arena_bytes() const { return arena_bytes_; }
  /// Floating-point operations of all convolutions and matrix products.
  double flops() const;
  const std::vector<Operand>& outputs() const { return outputs_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }

  /// Runs once in `arena`, of at least `arena_bytes()`. `inputs` have the planned types and shapes.
  /// Errors: Internal, Unavailable; context is left to the caller, `failed_node` names the node.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, MutableByteView arena,
                                  Pool& pool);
  std::uint32_t failed_node() const { return failed_node_; }

 private:
  friend class Planner;
  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::vector<Operand> outputs_;
  std::vector<BufferId> output_buffers_;
  std::uint64_t arena_bytes_ = 0;
  std::uint32_t failed_node_ = 0;
  std::vector<std::byte*> memory_;  ///< For each step's buffers, one step after the other.
};

/// Runs one node whose inputs are all known, and returns its outputs; those left out are null.
/// Errors: as Plan's.
Result<std::vector<ConstantPointer>> evaluate(const Request& request, const graph::Node& node,
                                              const std::unique_ptr<kernels::Kernel>& kernel,
                                              const KnownValues& known);

}  // namespace torchkeep::runtime::plan
