// If-1 to If-23: https://onnx.ai/onnx/operators/onnx__If.html
// The branch that is taken is planned in its place: the condition is known by then.
#include <algorithm>

#include "torchkeep/runtime/kernels/body.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

class If final : public Kernel {
 public:
  If(BodyKernels yes, BodyKernels no) : yes_(std::move(yes)), no_(std::move(no)) {}

  bool needs_known(std::size_t input) const override { return input == 0; }

  Result<void> plan(plan::Builder&) override { return malformed("the condition is not known"); }

  Result<std::optional<plan::Branch>> branch(const plan::Builder& builder) override {
    const plan::Operand& condition = builder.input(0);
    if (condition.dtype != DataType::Bool || condition.constant->bytes().size() != 1)
      return malformed("the condition is no single truth value");
    const BodyKernels& taken = condition.constant->bytes()[0] != 0 ? yes_ : no_;
    return std::optional(plan::Branch{taken.body, taken.kernels});
  }

 private:
  BodyKernels yes_, no_;
};

}  // namespace

Result<KernelPointer> make_if(NodeReader& node) {
  BodyKernels yes = TRY(make_body_kernels(node, "then_branch"));
  BodyKernels no = TRY(make_body_kernels(node, "else_branch"));
  return std::make_unique<If>(std::move(yes), std::move(no));
}

}  // namespace torchkeep::runtime::kernels
