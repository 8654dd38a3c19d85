// Softmax-13, LogSoftmax-13: https://onnx.ai/onnx/operators/onnx__Softmax.html
// Before version 13 they flattened the dimensions from axis on.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Softmax final : public Kernel {
 public:
  Softmax(std::int64_t axis, bool logarithm) : axis_(axis), logarithm_(logarithm) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape shape = builder.input(0).shape;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    dnn::Planned planned =
        TRY(dnn::make_softmax(builder.machine(), shape, static_cast<int>(axis), logarithm_));
    const plan::BufferId input = TRY(builder.read(0));
    return builder.step({input, TRY(builder.write(0, DataType::Float32, shape))},
                        std::move(planned.primitive));
  }

 private:
  std::int64_t axis_;
  bool logarithm_;
};

}  // namespace

Result<KernelPointer> make_softmax(NodeReader& node) {
  return std::make_unique<Softmax>(TRY(node.int_or("axis", -1)), false);
}
Result<KernelPointer> make_log_softmax(NodeReader& node) {
  return std::make_unique<Softmax>(TRY(node.int_or("axis", -1)), true);
}

}  // namespace torchkeep::runtime::kernels
