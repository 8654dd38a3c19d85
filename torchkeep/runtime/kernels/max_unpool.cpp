// MaxUnpool-9 to MaxUnpool-22: https://onnx.ai/onnx/operators/onnx__MaxUnpool.html
// Indices count the elements of the image that the window alone tells; a larger output_shape only
// adds zeros behind them, as the standard's own case has it.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"
#include "torchkeep/runtime/kernels/whole.h"
#include "torchkeep/runtime/kernels/window.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Memory order: values, indices, what output_shape says if it does, result.
template <typename T>
plan::Action action_of(std::size_t count, const Shape& counted, const Shape& output) {
  return [=, strides = row_major_strides(output)](std::span<std::byte* const> memory,
                                                  Pool&) -> Result<void> {
    T* to = target<T>(memory, memory.size() - 1);
    std::fill_n(to, extent(output, 0, output.size()), T{0});
    const std::size_t places = extent(counted, 0, counted.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t index = source<std::int64_t>(memory, 1)[i];
      if (index < 0 || static_cast<std::uint64_t>(index) >= places)
        return wrong_index(index, places);
      std::int64_t place = 0, left = index;
      for (std::size_t d = counted.size(); d-- > 0;) {
        place += left % counted[d] * strides[d];
        left /= counted[d];
      }
      to[place] = source<T>(memory, 0)[i];
    }
    return {};
  };
}

class MaxUnpool final : public Kernel {
 public:
  explicit MaxUnpool(Window window) : window_(std::move(window)) {}

  bool needs_known(std::size_t input) const override { return input == 2; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    TRY(expect_type(builder, 1, DataType::Int64));
    if (builder.input(1).shape != input)
      return malformed("indices of shape ", describe(builder.input(1).shape), " do not fit ",
                       describe(input));
    const Shape counted = TRY(unpooled(input));
    TRY(check_shape(counted));
    Shape output = counted;
    if (builder.has_input(2)) {
      output = TRY(known_ints(builder, 2));
      bool fits = output.size() == counted.size();
      for (std::size_t i = 0; fits && i < output.size(); ++i)
        fits = i < 2 ? output[i] == counted[i] : output[i] >= counted[i];
      if (!fits)
        return malformed("output_shape is ", describe(output), ", wanted is at least ",
                         describe(counted));
      TRY(check_shape(output));
    }
    const std::size_t count = extent(input, 0, input.size());
    plan::Action action = TRY(action_for(
        FloatTypes(), dtype, [&]<typename T>() { return action_of<T>(count, counted, output); }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    return plan_whole(builder, 2, std::move(made), std::move(action));
  }

 private:
  /// The shape of the image that was pooled, as far as the window tells.
  Result<Shape> unpooled(const Shape& input) const {
    const std::size_t rank = window_.kernel.size();
    const std::vector<std::int64_t> strides =
        window_.strides.empty() ? std::vector<std::int64_t>(rank, 1) : window_.strides;
    const std::vector<std::int64_t> pads =
        window_.pads.empty() ? std::vector<std::int64_t>(2 * rank, 0) : window_.pads;
    if (rank == 0 || input.size() != rank + 2 || strides.size() != rank || pads.size() != 2 * rank)
      return malformed("an input of shape ", describe(input), " does not fit a window of ", rank,
                       " dimensions");
    Shape shape{input[0], input[1]};
    for (std::size_t i = 0; i < rank; ++i) {
      shape.push_back((input[i + 2] - 1) * strides[i] + window_.kernel[i] - pads[i] -
                      pads[rank + i]);
    }
    return shape;
  }

  Window window_;
};

}  // namespace

Result<KernelPointer> make_max_unpool(NodeReader& node) {
  Window window = TRY(read_window(node));
  return std::make_unique<MaxUnpool>(std::move(window));
}

}  // namespace torchkeep::runtime::kernels
