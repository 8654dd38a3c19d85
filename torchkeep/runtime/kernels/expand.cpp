// Expand-8, Expand-13: https://onnx.ai/onnx/operators/onnx__Expand.html
// Tile-6, Tile-13: https://onnx.ai/onnx/operators/onnx__Tile.html
#include <algorithm>

#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

class Expand final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const Shape wanted = TRY(known_ints(builder, 1));
    TRY(check_shape(wanted));
    Shape output = TRY(broadcast_shapes(input, wanted));
    TRY(check_shape(output));
    if (output == input) return builder.view(0, 0, input);
    if (builder.view_spread(0, 0, output)) return {};
    const std::vector<std::int64_t> strides = row_major_strides(input);
    StridedCopy copy{output, std::vector<std::int64_t>(output.size(), 0), 0};
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (input[i] != 1) copy.strides[i + output.size() - input.size()] = strides[i];
    }
    return plan_strided(builder, copy, std::move(output));
  }
};

/// [r0, d0, r1, d1, ...] of what has no r, which it repeats.
class Tile final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const std::vector<std::int64_t> repeats = TRY(known_ints(builder, 1));
    TRY(element_count(repeats).context("repeats"));
    if (repeats.size() != input.size())
      return malformed("there are ", repeats.size(), " repeats for ", input.size(), " dimensions");
    const std::vector<std::int64_t> strides = row_major_strides(input);
    StridedCopy copy;
    Shape output;
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (__builtin_mul_overflow(repeats[i], input[i], &output.emplace_back()))
        return malformed("the result is too large");
      copy.shape.insert(copy.shape.end(), {repeats[i], input[i]});
      copy.strides.insert(copy.strides.end(), {0, strides[i]});
    }
    TRY(check_shape(output));
    const auto is_more = [](std::int64_t times) { return times != 1; };
    if (std::ranges::count_if(repeats, is_more) == 1) {
      const auto axis =
          static_cast<std::size_t>(std::ranges::find_if(repeats, is_more) - repeats.begin());
      if (repeats[axis] > 1 && builder.view_repeated(0, 0, axis, repeats[axis], 1)) return {};
    }
    return plan_strided(builder, copy, std::move(output));
  }
};

}  // namespace

Result<KernelPointer> make_expand(NodeReader&) { return std::make_unique<Expand>(); }
Result<KernelPointer> make_tile(NodeReader&) { return std::make_unique<Tile>(); }

}  // namespace torchkeep::runtime::kernels
