// GlobalAveragePool-1: https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html
// GlobalMaxPool-1: https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"

namespace torchkeep::runtime::kernels {
namespace {

class GlobalPool final : public Kernel {
 public:
  explicit GlobalPool(dnn::PoolKind kind) : kind_(kind) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_pooling(builder, kind_, TRY(whole_window(builder)));
  }

 private:
  dnn::PoolKind kind_;
};

}  // namespace

Result<KernelPointer> make_global_average_pool(NodeReader&) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::AverageWithoutPadding);
}
Result<KernelPointer> make_global_max_pool(NodeReader&) {
  return std::make_unique<GlobalPool>(dnn::PoolKind::Max);
}

}  // namespace torchkeep::runtime::kernels
