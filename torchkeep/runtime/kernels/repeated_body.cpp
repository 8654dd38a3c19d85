#include "torchkeep/runtime/kernels/repeated_body.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kKnownPlans = 16;

}  // namespace

RepeatedBody::RepeatedBody(BodyKernels body, const NodeReader& node)
    : kernels_(std::move(body)),
      graph_(node.graph()),
      captures_(computed_captures(node)),
      inputs_(node.node().inputs.size()) {
  const std::vector<graph::ValueId>& captures = node.node().captures;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    if (std::ranges::find(captures_, captures[i]) != captures_.end())
      captured_.push_back(inputs_ + i);
  }
}

plan::Program& RepeatedBody::program(const plan::Context& context) {
  if (!program_) {
    std::vector<graph::ValueId> inputs = body().inputs;
    inputs.insert(inputs.end(), captures_.begin(), captures_.end());
    program_ =
        std::make_unique<plan::Program>(graph_, kernels_.items(), std::move(inputs), body().outputs,
                                        plan::ProgramLimits{context.max_bytes, kKnownPlans});
  }
  return *program_;
}

}  // namespace torchkeep::runtime::kernels
