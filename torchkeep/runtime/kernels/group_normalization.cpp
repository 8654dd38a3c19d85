// InstanceNormalization-6 to InstanceNormalization-22:
// https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html
// GroupNormalization-18, GroupNormalization-21:
// https://onnx.ai/onnx/operators/onnx__GroupNormalization.html
// In version 18 scale and bias are of groups, from 21 on of channels.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

class GroupNormalization final : public Kernel {
 public:
  /// `groups`: 0 for one a channel.
  GroupNormalization(std::int64_t groups, bool scales_groups, float epsilon)
      : groups_(groups), scales_groups_(scales_groups), epsilon_(epsilon) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < 3; ++i) TRY(expect_float(builder, i));
    const Shape shape = builder.input(0).shape;
    if (shape.size() < 2)
      return malformed("an input of shape ", describe(shape), " has no channels");
    const std::int64_t groups = groups_ == 0 ? shape[1] : groups_;
    if (groups == 0 || shape[1] % groups != 0)
      return malformed(shape[1], " channels do not go into ", groups, " groups");
    const Shape factors{scales_groups_ ? groups : shape[1]};
    for (std::size_t i = 1; i < 3; ++i) {
      if (builder.input(i).shape != factors)
        return malformed("input ", i, " of shape ", describe(builder.input(i).shape),
                         " does not fit, wanted is ", describe(factors));
    }
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, shape)));
    const std::size_t channels = extent(shape, 1, 2) / static_cast<std::size_t>(groups);
    builder.step(std::move(buffers),
                 action_of(extent(shape, 0, 1), static_cast<std::size_t>(groups), channels,
                           extent(shape, 2, shape.size())));
    return {};
  }

 private:
  /// `channels` are those of one group.
  plan::Action action_of(std::size_t batch, std::size_t groups, std::size_t channels,
                         std::size_t plane) const {
    return [=, epsilon = double{epsilon_}, by_group = scales_groups_](
               std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      const std::size_t size = channels * plane;
      pool.parallel_for(
          batch * groups, rows_a_thread(size), [&](std::size_t begin, std::size_t end) {
            for (std::size_t g = begin; g < end; ++g) {
              const float* from = source<float>(memory, 0) + g * size;
              float* to = target<float>(memory, 3) + g * size;
              double sum = 0, squares = 0;
              for (std::size_t i = 0; i < size; ++i) sum += double{from[i]};
              const double mean = sum / static_cast<double>(size);
              for (std::size_t i = 0; i < size; ++i)
                squares += (double{from[i]} - mean) * (double{from[i]} - mean);
              const double factor = 1 / std::sqrt(squares / static_cast<double>(size) + epsilon);
              for (std::size_t c = 0; c < channels; ++c) {
                const std::size_t group = g % groups,
                                  which = by_group ? group : group * channels + c;
                const auto scale =
                    static_cast<float>(factor * double{source<float>(memory, 1)[which]});
                const float shift =
                    source<float>(memory, 2)[which] - static_cast<float>(mean) * scale;
                for (std::size_t i = c * plane; i < (c + 1) * plane; ++i)
                  to[i] = from[i] * scale + shift;
              }
            }
          });
      return {};
    };
  }

  std::int64_t groups_;
  bool scales_groups_;
  float epsilon_;
};

}  // namespace

Result<KernelPointer> make_instance_normalization(NodeReader& node) {
  return std::make_unique<GroupNormalization>(0, false, TRY(node.float_or("epsilon", 1e-5F)));
}
Result<KernelPointer> make_group_normalization(NodeReader& node) {
  const std::int64_t groups = TRY(node.int_or("num_groups", 0)),
                     type = TRY(node.int_or("stash_type", 1));
  if (groups < 1) return malformed("num_groups is ", groups, ", wanted is 1 or more");
  if (type != 1) return malformed("stash_type is ", type, ", supported is 1 (float32)");
  return std::make_unique<GroupNormalization>(groups, node.opset() < 21,
                                              TRY(node.float_or("epsilon", 1e-5F)));
}

}  // namespace torchkeep::runtime::kernels
