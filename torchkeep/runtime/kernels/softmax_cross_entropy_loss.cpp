// SoftmaxCrossEntropyLoss-12, SoftmaxCrossEntropyLoss-13:
// https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/class_loss.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Logarithms of the softmax over the classes, which lie `inner` elements apart.
template <typename T>
void write_logarithms(const ClassSizes& sizes, const T* from, T* to) {
  for (std::size_t i = 0; i < sizes.batch * sizes.inner; ++i) {
    const std::size_t start = i / sizes.inner * sizes.classes * sizes.inner + i % sizes.inner;
    const std::size_t end = start + sizes.classes * sizes.inner;
    T largest = -std::numeric_limits<T>::infinity();
    for (std::size_t k = start; k < end; k += sizes.inner) largest = std::max(largest, from[k]);
    double sum = 0;
    for (std::size_t k = start; k < end; k += sizes.inner)
      sum += std::exp(static_cast<double>(from[k] - largest));
    const T logarithm = static_cast<T>(std::log(sum));
    for (std::size_t k = start; k < end; k += sizes.inner) to[k] = from[k] - largest - logarithm;
  }
}

struct SoftmaxCrossEntropyLoss {
  static constexpr bool kMakesLogarithms = true;

  template <typename T, typename Index>
  static Result<void> run(const ClassLoss& loss, const ClassSizes& sizes,
                          std::span<std::byte* const> memory) {
    T* logarithms = target<T>(memory, 4);
    write_logarithms(sizes, source<T>(memory, 0), logarithms);
    return write_class_loss(loss, sizes, logarithms, source<Index>(memory, 1), source<T>(memory, 2),
                            target<T>(memory, 3));
  }
};

}  // namespace

Result<KernelPointer> make_softmax_cross_entropy_loss(NodeReader& node) {
  return std::make_unique<ClassLossKernel<SoftmaxCrossEntropyLoss>>(TRY(read_class_loss(node)));
}

}  // namespace torchkeep::runtime::kernels
