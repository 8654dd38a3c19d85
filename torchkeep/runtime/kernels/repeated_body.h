#pragma once

#include "torchkeep/runtime/kernels/body.h"
#include "torchkeep/runtime/plan/program.h"

namespace torchkeep::runtime::kernels {

/// What a tensor takes that is kept from one run of a body to the last: one without elements takes
/// something too.
inline std::uint64_t kept_bytes(const Tensor& tensor) {
  constexpr std::uint64_t kBlocks = 64;  // of shape and elements, beside what is in them
  return sizeof(Tensor) + kBlocks + tensor.data.size();
}

/// A node's body as a program of its own, for the operators that run it again and again. A run
/// takes the body's own inputs, then what it captures.
class RepeatedBody {
 public:
  /// The graph that `node` belongs to must outlive it.
  RepeatedBody(BodyKernels body, const NodeReader& node);

  const graph::Body& body() const { return *kernels_.body; }
  std::size_t node_inputs() const { return inputs_; }
  /// Where the computed captures are among what the node is handed.
  const std::vector<std::size_t>& captured() const { return captured_; }
  /// Made at the first run, within that run's limits.
  plan::Program& program(const plan::Context& context);

 private:
  BodyKernels kernels_;
  const graph::Graph& graph_;
  std::vector<graph::ValueId> captures_;
  std::vector<std::size_t> captured_;
  std::size_t inputs_;
  std::unique_ptr<plan::Program> program_;
};

}  // namespace torchkeep::runtime::kernels
