// MaxPool-8 to MaxPool-22: https://onnx.ai/onnx/operators/onnx__MaxPool.html
// The second output, Indices, is not made.
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"

namespace torchkeep::runtime::kernels {
namespace {

class MaxPool final : public Kernel {
 public:
  explicit MaxPool(Window window) : window_(std::move(window)) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape spatial = TRY(spatial_shape(builder));
    return plan_pooling(builder, dnn::PoolKind::Max, TRY(place_window(window_, {}, spatial)));
  }

 private:
  Window window_;
};

}  // namespace

Result<KernelPointer> make_max_pool(NodeReader& node) {
  Window window = TRY(read_window(node));
  window.ceil = TRY(node.int_or("ceil_mode", 0)) != 0;
  node.ignore("storage_order");  // of the indices
  return std::make_unique<MaxPool>(std::move(window));
}

}  // namespace torchkeep::runtime::kernels
