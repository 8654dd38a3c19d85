// Softmax-1 to Softmax-13, LogSoftmax-1 to LogSoftmax-13:
// https://onnx.ai/onnx/operators/onnx__Softmax.html
// Before version 13 they took the dimensions from axis on for one.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Softmax final : public Kernel {
 public:
  Softmax(std::int64_t axis, bool flattens, bool logarithm)
      : axis_(axis), flattens_(flattens), logarithm_(logarithm) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape shape = builder.input(0).shape;
    std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    Shape seen = shape;
    if (flattens_) {
      seen = {static_cast<std::int64_t>(extent(shape, 0, axis)),
              static_cast<std::int64_t>(extent(shape, axis, shape.size()))};
      axis = 1;
    }
    dnn::Planned planned =
        TRY(dnn::make_softmax(builder.machine(), seen, static_cast<int>(axis), logarithm_));
    const plan::BufferId input = TRY(builder.read(0));
    return builder.step({input, TRY(builder.write(0, DataType::Float32, shape))},
                        std::move(planned.primitive));
  }

 private:
  std::int64_t axis_;
  bool flattens_, logarithm_;
};

Result<KernelPointer> make(NodeReader& node, bool logarithm) {
  const bool flattens = node.opset() < 13;
  const std::int64_t axis = TRY(node.int_or("axis", flattens ? 1 : -1));
  return std::make_unique<Softmax>(axis, flattens, logarithm);
}

}  // namespace

Result<KernelPointer> make_softmax(NodeReader& node) { return make(node, false); }
Result<KernelPointer> make_log_softmax(NodeReader& node) { return make(node, true); }

}  // namespace torchkeep::runtime::kernels
