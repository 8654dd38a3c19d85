#pragma once

#include <atomic>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/whole.h"

/// What NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss share: logarithms of probabilities
/// [batch, classes, ...], and the class that is right at each place.
/// Source: ONNX operators NegativeLogLikelihoodLoss-13, SoftmaxCrossEntropyLoss-13.
namespace torchkeep::runtime::kernels {

struct ClassLoss {
  enum class Reduction { None, Sum, Mean } reduction = Reduction::Mean;
  std::optional<std::int64_t> ignored;  ///< A class that counts for nothing.
};

Result<ClassLoss> read_class_loss(NodeReader& node);

struct ClassSizes {
  std::size_t batch = 0, classes = 0, inner = 0;
  Shape result;  ///< Of the loss.
};

/// Looks at inputs 0 (of a type that the caller checks), 1 (classes) and 2 (weights, if any).
/// Errors: Malformed if they do not fit.
Result<ClassSizes> class_sizes(const plan::Builder& builder, const ClassLoss& loss);

/// The loss, from logarithms of probabilities. `weights` may be null.
/// Errors: Malformed for a class that is not there.
template <typename T, typename Index>
Result<void> write_class_loss(const ClassLoss& loss, const ClassSizes& sizes, const T* logarithms,
                              const Index* classes, const T* weights, T* to) {
  double sum = 0, weight_sum = 0;
  for (std::size_t i = 0; i < sizes.batch * sizes.inner; ++i) {
    const auto right = static_cast<std::int64_t>(classes[i]);
    T value = 0;
    if (!loss.ignored || right != *loss.ignored) {
      if (right < 0 || static_cast<std::size_t>(right) >= sizes.classes)
        return malformed("class ", right, " is not among ", sizes.classes);
      const auto c = static_cast<std::size_t>(right);
      const T weight = weights == nullptr ? T{1} : weights[c];
      const std::size_t n = i / sizes.inner, k = i % sizes.inner;
      value = -logarithms[(n * sizes.classes + c) * sizes.inner + k] * weight;
      weight_sum += static_cast<double>(weight);
    }
    sum += static_cast<double>(value);
    if (loss.reduction == ClassLoss::Reduction::None) to[i] = value;
  }
  if (loss.reduction == ClassLoss::Reduction::Sum) *to = static_cast<T>(sum);
  if (loss.reduction == ClassLoss::Reduction::Mean) *to = static_cast<T>(sum / weight_sum);
  return {};
}

}  // namespace torchkeep::runtime::kernels
