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

/// One of the two operators. `Loss::run<T, Index>(loss, sizes, memory)` is its step; where
/// `Loss::kMakesLogarithms`, output 1 is as large as input 0.
template <typename Loss>
class ClassLossKernel final : public Kernel {
 public:
  explicit ClassLossKernel(ClassLoss loss) : loss_(loss) {}

  Result<void> plan(plan::Builder& builder) override {
    const ClassSizes sizes = TRY(class_sizes(builder, loss_));
    const DataType dtype = builder.input(0).dtype;
    const bool wide = builder.input(1).dtype == DataType::Int64;
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return wide ? action_of<T, std::int64_t>(sizes) : action_of<T, std::int32_t>(sizes);
    }));
    std::vector<Made> made;
    made.push_back({dtype, sizes.result});
    if (Loss::kMakesLogarithms) made.push_back({dtype, builder.input(0).shape});
    return plan_whole(builder, 3, std::move(made), std::move(action));
  }

 private:
  template <typename T, typename Index>
  plan::Action action_of(const ClassSizes& sizes) const {
    return [loss = loss_, sizes](std::span<std::byte* const> memory, Pool&) {
      return Loss::template run<T, Index>(loss, sizes, memory);
    };
  }

  ClassLoss loss_;
};

}  // namespace torchkeep::runtime::kernels
