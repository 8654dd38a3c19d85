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
  GlobalPool(dnn::PoolKind kind, bool quantised) : kind_(kind), quantised_(quantised) {}
  Result<void> plan(plan::Builder& builder) override {
    const PlacedWindow window = TRY(whole_window(builder, quantised_));
    const plan::Operand& input = builder.input(0);
    if (kind_ != dnn::PoolKind::Max && !quantised_ && TRY(element_count(input.shape)) > 0 &&
        input.layout == dnn::channels_last(input.shape))
      return plan_average(builder);
    return plan_pooling(builder, kind_, window);
  }

 private:
  static Result<void> plan_average(plan::Builder& builder) {
    const plan::Operand input = builder.input(0);
    const std::size_t images = extent(input.shape, 0, 1), channels = extent(input.shape, 1, 2),
                      places = extent(input.shape, 2, input.shape.size());
    Shape output(input.shape.size(), 1);
    std::copy_n(input.shape.begin(), 2, output.begin());
    const plan::BufferId from = TRY(builder.read(0, input.layout));
    const plan::BufferId to = TRY(builder.write(0, DataType::Float32, std::move(output)));
    builder.step({from, to}, [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      for (std::size_t n = 0; n < images; ++n) {
        pool.parallel_for(channels, rows_a_thread(places),
                          [&](std::size_t first, std::size_t last) {
                            average_places(source<float>(memory, 0) + n * places * channels,
                                           target<float>(memory, 1) + n * channels, places,
                                           channels, first, last);
                          });
      }
      return {};
    });
    return {};
  }

  dnn::PoolKind kind_;
  bool quantised_;
};

}  // namespace

Result<KernelPointer> make_global_average_pool(NodeReader& node) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::AverageWithoutPadding,
                                      node.node().quantised.has_value());
}
Result<KernelPointer> make_global_max_pool(NodeReader& node) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::Max, node.node().quantised.has_value());
}

}  // namespace torchkeep::runtime::kernels
