// GlobalAveragePool-1: https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html
// GlobalMaxPool-1: https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/channels.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

class GlobalPool final : public Kernel {
 public:
  /// `mark`: of an average of numbers, which makes floats if no output's scale is there.
  GlobalPool(dnn::PoolKind kind, std::optional<graph::Quantised> mark)
      : kind_(kind), mark_(std::move(mark)) {}

  Result<void> plan(plan::Builder& builder) override {
    const PlacedWindow window = TRY(whole_window(builder, mark_.has_value()));
    const plan::Operand& input = builder.input(0);
    const bool is_empty = TRY(element_count(input.shape)) == 0;
    if (mark_ && !mark_->output) return plan_numbers(builder, mark_->input);
    if (kind_ != dnn::PoolKind::Max && !mark_ && !is_empty &&
        input.layout == dnn::channels_last(input.shape))
      return plan_average(builder);
    return plan_pooling(builder, kind_, window);
  }

 private:
  static Result<void> plan_average(plan::Builder& builder) {
    const plan::BufferId from = TRY(builder.read(0, builder.input(0).layout));
    return add_average(builder, from,
                       [](const Sizes& sizes, std::span<std::byte* const> memory, std::size_t n,
                          std::size_t first, std::size_t last) {
                         average_places(
                             source<float>(memory, 0) + n * sizes.places * sizes.channels,
                             target<float>(memory, 1) + n * sizes.channels, sizes.places,
                             sizes.channels, first, last);
                       });
  }

  /// Of numbers to floats, wherever the numbers' channels lie.
  static Result<void> plan_numbers(plan::Builder& builder, const graph::Quantisation& from) {
    const plan::Operand input = builder.input(0);
    if (input.dtype != from.dtype)
      return malformed("input 0 is ", name_of(input.dtype), ", its zero point is ",
                       name_of(from.dtype));
    if (input.shape.size() < 3 || input.shape.size() > 5)
      return malformed("an average of numbers with ", input.shape.size(),
                       " dimensions is not supported, 3 to 5 are");
    const plan::BufferId numbers =
        TRY(builder.read(0, dnn::channels_last(input.shape, input.dtype)));
    return add_average(
        builder, numbers,
        [from](const Sizes& sizes, std::span<std::byte* const> memory, std::size_t n,
               std::size_t first, std::size_t last) {
          const std::size_t start = n * sizes.places * sizes.channels;
          float* const to = target<float>(memory, 1) + n * sizes.channels;
          if (from.dtype == DataType::Int8)
            average_numbers(source<std::int8_t>(memory, 0) + start, from.scale, from.zero, to,
                            sizes.places, sizes.channels, first, last);
          else
            average_numbers(source<std::uint8_t>(memory, 0) + start, from.scale, from.zero, to,
                            sizes.places, sizes.channels, first, last);
        });
  }

  struct Sizes {
    std::size_t places, channels;
  };
  /// `average`: channels first to last of image n, from buffer 0 to 1.
  template <typename F>
  static Result<void> add_average(plan::Builder& builder, plan::BufferId from, F average) {
    const Shape shape = builder.input(0).shape;
    const std::size_t images = extent(shape, 0, 1);
    const Sizes sizes{extent(shape, 2, shape.size()), extent(shape, 1, 2)};
    Shape output(shape.size(), 1);
    std::copy_n(shape.begin(), 2, output.begin());
    const plan::BufferId to = TRY(builder.write(0, DataType::Float32, std::move(output)));
    builder.step({from, to}, [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      for (std::size_t n = 0; n < images; ++n) {
        pool.parallel_for(
            sizes.channels, rows_a_thread(sizes.places),
            [&](std::size_t first, std::size_t last) { average(sizes, memory, n, first, last); });
      }
      return {};
    });
    return {};
  }

  dnn::PoolKind kind_;
  std::optional<graph::Quantised> mark_;
};

}  // namespace

Result<KernelPointer> make_global_average_pool(NodeReader& node) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::AverageWithoutPadding, node.node().quantised);
}
Result<KernelPointer> make_global_max_pool(NodeReader& node) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::Max, node.node().quantised);
}

}  // namespace torchkeep::runtime::kernels
