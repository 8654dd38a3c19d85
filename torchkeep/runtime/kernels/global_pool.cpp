// GlobalAveragePool-1: https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html
// GlobalMaxPool-1: https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"

namespace torchkeep::runtime::kernels {
namespace {

class GlobalPool final : public Kernel {
 public:
  GlobalPool(dnn::PoolKind kind, bool quantised) : kind_(kind), quantised_(quantised) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_pooling(builder, kind_, TRY(whole_window(builder, quantised_)));
  }

 private:
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
