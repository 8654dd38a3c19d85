// AveragePool-1 to AveragePool-22: https://onnx.ai/onnx/operators/onnx__AveragePool.html
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"

namespace torchkeep::runtime::kernels {
namespace {

class AveragePool final : public Kernel {
 public:
  AveragePool(Window window, bool count_padding, bool quantised)
      : window_(std::move(window)), count_padding_(count_padding), quantised_(quantised) {}

  Result<void> plan(plan::Builder& builder) override {
    const PlacedWindow window =
        TRY(place_window(window_, {}, TRY(spatial_shape(builder, quantised_))));
    return plan_pooling(
        builder,
        count_padding_ ? dnn::PoolKind::AverageWithPadding : dnn::PoolKind::AverageWithoutPadding,
        window);
  }

 private:
  Window window_;
  bool count_padding_;
  bool quantised_;
};

}  // namespace

Result<KernelPointer> make_average_pool(NodeReader& node) {
  Window window = TRY(read_window(node));
  window.ceil = TRY(node.int_or("ceil_mode", 0)) != 0;
  const bool count_padding = TRY(node.int_or("count_include_pad", 0)) != 0;
  if (window.ceil && count_padding) {
    // Versions of the standard and PyTorch differ in whether the part beyond the padding counts.
    return malformed("ceil_mode together with count_include_pad is not supported");
  }
  return std::make_unique<AveragePool>(std::move(window), count_padding,
                                       node.node().quantised.has_value());
}

}  // namespace torchkeep::runtime::kernels
