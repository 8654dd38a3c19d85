// NegativeLogLikelihoodLoss-12 to NegativeLogLikelihoodLoss-22:
// https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html
#include "torchkeep/runtime/kernels/class_loss.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

struct NegativeLogLikelihoodLoss {
  static constexpr bool kMakesLogarithms = false;

  template <typename T, typename Index>
  static Result<void> run(const ClassLoss& loss, const ClassSizes& sizes,
                          std::span<std::byte* const> memory) {
    return write_class_loss(loss, sizes, source<T>(memory, 0), source<Index>(memory, 1),
                            source<T>(memory, 2), target<T>(memory, 3));
  }
};

}  // namespace

Result<KernelPointer> make_negative_log_likelihood_loss(NodeReader& node) {
  return std::make_unique<ClassLossKernel<NegativeLogLikelihoodLoss>>(TRY(read_class_loss(node)));
}

}  // namespace torchkeep::runtime::kernels
