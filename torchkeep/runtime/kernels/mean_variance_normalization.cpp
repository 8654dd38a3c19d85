// MeanVarianceNormalization-9, MeanVarianceNormalization-13:
// https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr double kEpsilon = 1e-9;  // of the standard's own function

/// Calls f(element, group) for each element of `walk`'s first side.
template <typename F>
void for_each(const Broadcast& walk, const F& f) {
  for (std::size_t row = 0; row < walk.rows(); ++row) {
    const auto [first, group] = walk.start_of(row);
    for (std::size_t i = 0; i < walk.columns(); ++i)
      f(first + i * walk.left_step(), group + i * walk.right_step());
  }
}

/// `walk`: the elements, and the groups of which each has its mean. Memory order: input, output,
/// two doubles a group.
template <typename T>
plan::Action action_of(const Broadcast& walk, std::size_t groups, std::size_t group_size) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const T* from = source<T>(memory, 0);
    double *means = target<double>(memory, 2), *spreads = means + groups;
    std::fill_n(means, 2 * groups, 0.0);
    for_each(walk, [&](std::size_t i, std::size_t group) {
      means[group] += static_cast<double>(from[i]);
    });
    for (std::size_t g = 0; g < groups; ++g) means[g] /= static_cast<double>(group_size);
    for_each(walk, [&](std::size_t i, std::size_t group) {
      const double far = static_cast<double>(from[i]) - means[group];
      spreads[group] += far * far;
    });
    for (std::size_t g = 0; g < groups; ++g)
      spreads[g] = std::sqrt(spreads[g] / static_cast<double>(group_size)) + kEpsilon;
    for_each(walk, [&](std::size_t i, std::size_t group) {
      target<T>(memory, 1)[i] =
          static_cast<T>((static_cast<double>(from[i]) - means[group]) / spreads[group]);
    });
    return {};
  };
}

class MeanVarianceNormalization final : public Kernel {
 public:
  explicit MeanVarianceNormalization(std::vector<std::int64_t> axes) : axes_(std::move(axes)) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    Shape kept = shape;
    for (const std::int64_t axis : axes_) kept[TRY(resolve_axis(axis, shape.size()))] = 1;
    const std::size_t count = extent(shape, 0, shape.size()), groups = extent(kept, 0, kept.size());
    const Broadcast walk(shape, kept, shape);
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(walk, groups, count / std::max<std::size_t>(groups, 1));
    }));
    const plan::BufferId from = TRY(builder.read(0)), to = TRY(builder.write(0, dtype, shape));
    builder.step({from, to, TRY(builder.scratch(2 * groups * sizeof(double)))}, std::move(action));
    return {};
  }

 private:
  std::vector<std::int64_t> axes_;
};

}  // namespace

Result<KernelPointer> make_mean_variance_normalization(NodeReader& node) {
  std::vector<std::int64_t> axes{0, 2, 3};
  if (node.has("axes")) axes = TRY(node.ints("axes"));
  return std::make_unique<MeanVarianceNormalization>(std::move(axes));
}

}  // namespace torchkeep::runtime::kernels
