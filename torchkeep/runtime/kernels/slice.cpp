// Slice-1 to Slice-13: https://onnx.ai/onnx/operators/onnx__Slice.html
// Before version 10, bounds and axes were attributes; both forms are read.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kFar = std::int64_t{1} << 41;

struct Bounds {
  std::vector<std::int64_t> starts, ends, axes, steps;
};

class Slice final : public Kernel {
 public:
  explicit Slice(std::optional<Bounds> bounds) : bounds_(std::move(bounds)) {}
  bool takes_halves() const override { return true; }

  bool needs_known(std::size_t input) const override { return input > 0; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const Bounds bounds = TRY(read_bounds(builder));
    StridedCopy copy{input, row_major_strides(input), 0};
    std::vector<bool> cut(input.size(), false);
    for (std::size_t i = 0; i < bounds.axes.size(); ++i) {
      const std::size_t axis = TRY(resolve_axis(bounds.axes[i], input.size()));
      if (cut[axis]) return malformed("axis ", axis, " is named twice");
      cut[axis] = true;
      const std::int64_t size = input[axis];
      // No dimension is longer than kFar, so that longer steps leave one element as well.
      const std::int64_t step = std::clamp(bounds.steps[i], -kFar, kFar);
      if (step == 0) return malformed("a step is 0, wanted is another number");
      // Forwards the first is within 0..size, backwards the first is within 0..size-1 and the end
      // may be before it.
      const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
      const std::int64_t start =
          clamp(bounds.starts[i], size, std::max<std::int64_t>(least, 0), most);
      const std::int64_t end = clamp(bounds.ends[i], size, least, most);
      copy.shape[axis] = count(start, end, step);
      copy.start += copy.strides[axis] * start;
      // One element needs no step, however large it is.
      if (copy.shape[axis] > 1) copy.strides[axis] *= step;
    }
    const bool empty = std::ranges::find(copy.shape, 0) != copy.shape.end();
    if (empty) copy.start = 0;
    if (copy.shape == input && copy.start == 0) return builder.view(0, 0, input);
    return plan_strided(builder, copy, copy.shape);
  }

 private:
  Result<Bounds> read_bounds(const plan::Builder& builder) const {
    Bounds bounds = bounds_.value_or(Bounds());
    if (!bounds_) {
      bounds.starts = TRY(known_ints(builder, 1));
      bounds.ends = TRY(known_ints(builder, 2));
      if (builder.has_input(3)) bounds.axes = TRY(known_ints(builder, 3));
      if (builder.has_input(4)) bounds.steps = TRY(known_ints(builder, 4));
    }
    const std::size_t count = bounds.starts.size();
    if (bounds.axes.empty()) {
      for (std::size_t i = 0; i < count; ++i) bounds.axes.push_back(static_cast<std::int64_t>(i));
    }
    if (bounds.steps.empty()) bounds.steps.assign(count, 1);
    if (bounds.ends.size() != count || bounds.axes.size() != count ||
        bounds.steps.size() != count) {
      return malformed("there are ", count, " starts, ", bounds.ends.size(), " ends, ",
                       bounds.axes.size(), " axes and ", bounds.steps.size(), " steps");
    }
    return bounds;
  }

  static std::int64_t clamp(std::int64_t index, std::int64_t size, std::int64_t least,
                            std::int64_t most) {
    if (index < 0) index += size;  // the size is below 2^40, so this does not overflow
    return std::max(least, std::min(index, most));
  }
  static std::int64_t count(std::int64_t start, std::int64_t end, std::int64_t step) {
    if (step > 0) return end <= start ? 0 : (end - start - 1) / step + 1;
    return end >= start ? 0 : (start - end - 1) / -step + 1;
  }

  std::optional<Bounds> bounds_;
};

}  // namespace

Result<KernelPointer> make_slice(NodeReader& node) {
  if (node.has_input(1)) {
    if (!node.has_input(2)) return malformed("there are no ends");
    return std::make_unique<Slice>(std::nullopt);
  }
  Bounds bounds;
  bounds.starts = TRY(node.ints("starts"));
  bounds.ends = TRY(node.ints("ends"));
  bounds.axes = TRY(node.ints("axes"));
  return std::make_unique<Slice>(std::move(bounds));
}

}  // namespace torchkeep::runtime::kernels
