// HardSigmoid-6: https://onnx.ai/onnx/operators/onnx__HardSigmoid.html
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class HardSigmoid final : public Kernel {
 public:
  HardSigmoid(float alpha, float beta) : alpha_(alpha), beta_(beta) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape shape = builder.input(0).shape;
    const plan::BufferId input = TRY(builder.read(0));
    const plan::BufferId output = TRY(builder.write(0, DataType::Float32, shape));
    dnn::Planned line = TRY(
        dnn::make_eltwise(builder.machine(), dnn::EltwiseKind::Linear, alpha_, beta_, shape, {}));
    dnn::Planned clip =
        TRY(dnn::make_eltwise(builder.machine(), dnn::EltwiseKind::Clip, 0, 1, shape, {}));
    TRY(builder.step({input, output}, std::move(line.primitive)));
    return builder.step({output, output}, std::move(clip.primitive));
  }

 private:
  float alpha_, beta_;
};

}  // namespace

Result<KernelPointer> make_hard_sigmoid(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 0.2F)), beta = TRY(node.float_or("beta", 0.5F));
  return std::make_unique<HardSigmoid>(alpha, beta);
}

}  // namespace torchkeep::runtime::kernels
