// ReduceMean-1 to ReduceMean-18: https://onnx.ai/onnx/operators/onnx__ReduceMean.html
// From version 18 on, axes are an input; both forms are read.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Each element of the result is the mean of a `reduced` block, which begins where `kept` says.
struct Walk {
  Shape kept, reduced;
  std::vector<std::size_t> kept_strides, reduced_strides;
};

std::size_t place_of(std::size_t index, const Shape& shape,
                     const std::vector<std::size_t>& strides) {
  std::size_t place = 0;
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto size = static_cast<std::size_t>(shape[i]);
    place += index % size * strides[i];
    index /= size;
  }
  return place;
}

class ReduceMean final : public Kernel {
 public:
  ReduceMean(std::vector<std::int64_t> axes, bool keep, bool nothing_without_axes)
      : axes_(std::move(axes)), keep_(keep), nothing_without_axes_(nothing_without_axes) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape& input = builder.input(0).shape;
    std::vector<std::int64_t> axes = axes_;
    if (builder.has_input(1)) {
      if (!builder.input(1).constant)
        return malformed("the axes are computed, which is not supported");
      axes = TRY(graph::to_ints(*builder.input(1).constant));
    }
    if (axes.empty() && nothing_without_axes_) return builder.view(0, 0, input);
    std::vector<bool> chosen(input.size(), axes.empty());
    for (const std::int64_t axis : axes) chosen[TRY(resolve_axis(axis, input.size()))] = true;
    Walk walk;
    Shape output;
    for (std::size_t i = 0; i < input.size(); ++i) {
      (chosen[i] ? walk.reduced : walk.kept).push_back(input[i]);
      (chosen[i] ? walk.reduced_strides : walk.kept_strides)
          .push_back(extent(input, i + 1, input.size()));
      if (!chosen[i]) output.push_back(input[i]);
      if (chosen[i] && keep_) output.push_back(1);
    }
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, DataType::Float32, std::move(output)))},
                 action_of(std::move(walk)));
    return {};
  }

 private:
  static plan::Action action_of(Walk walk) {
    return
        [walk = std::move(walk)](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          const auto* from = reinterpret_cast<const float*>(memory[0]);
          auto* to = reinterpret_cast<float*>(memory[1]);
          const std::size_t count = extent(walk.reduced, 0, walk.reduced.size());
          pool.parallel_for(
              extent(walk.kept, 0, walk.kept.size()), 1 + 4096 / std::max<std::size_t>(count, 1),
              [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                  const float* start = from + place_of(i, walk.kept, walk.kept_strides);
                  double sum = 0;
                  for (std::size_t k = 0; k < count; ++k) {
                    sum += double{start[place_of(k, walk.reduced, walk.reduced_strides)]};
                  }
                  to[i] = static_cast<float>(sum / static_cast<double>(count));
                }
              });
          return {};
        };
  }

  std::vector<std::int64_t> axes_;
  bool keep_, nothing_without_axes_;
};

}  // namespace

Result<KernelPointer> make_reduce_mean(NodeReader& node) {
  std::vector<std::int64_t> axes = TRY(node.ints("axes"));
  const bool keep = TRY(node.int_or("keepdims", 1)) != 0;
  const bool nothing = TRY(node.int_or("noop_with_empty_axes", 0)) != 0;
  return std::make_unique<ReduceMean>(std::move(axes), keep, nothing);
}

}  // namespace torchkeep::runtime::kernels
