// QLinearMatMul-10, QLinearMatMul-21: https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html
// QLinearConv-10: https://onnx.ai/onnx/operators/onnx__QLinearConv.html
#include "torchkeep/runtime/kernels/integer_conv.h"
#include "torchkeep/runtime/kernels/integer_mat_mul.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/requantise.h"

namespace torchkeep::runtime::kernels {
namespace {

// a, its scale and zero point, b and its, the result's: of both operators.
enum Input : std::size_t {
  kLeft,
  kLeftScale,
  kLeftZero,
  kRight,
  kRightScale,
  kRightZero,
  kScale,
  kZero,
  kBias
};

/// Of several matrices only one scale is known to go with which rows.
Result<void> expect_same_count(const plan::Builder& builder, std::size_t scale, std::size_t zero) {
  if (TRY(element_count(builder.input(scale).shape)) ==
      TRY(element_count(builder.input(zero).shape)))
    return {};
  return malformed("scales of shape ", describe(builder.input(scale).shape),
                   " and zero points of shape ", describe(builder.input(zero).shape),
                   " do not fit");
}

class QLinearMatMul final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_same_count(builder, kLeftScale, kLeftZero));
    TRY(expect_same_count(builder, kRightScale, kRightZero));
    const IntegerSums made =
        TRY(plan_integer_mat_mul(builder, {kLeft, kRight, kLeftZero, kRightZero}));
    const Requantise wanted{made.batches, made.rows, made.columns, kLeftScale,
                            kRightScale,  kScale,    kZero,        std::nullopt};
    return plan_requantise(builder, wanted, made.sums, made.output);
  }
};

class QLinearConv final : public Kernel {
 public:
  explicit QLinearConv(IntegerConv conv) : conv_(std::move(conv)) {
    conv_.weights = kRight;
    conv_.image_zero = kLeftZero;
    conv_.weights_zero = kRightZero;
  }

  Result<void> plan(plan::Builder& builder) override {
    const ConvSums made = TRY(plan_integer_conv(builder, conv_));
    if (TRY(element_count(builder.input(kLeftScale).shape)) != 1)
      return malformed("an image with scales of shape ", describe(builder.input(kLeftScale).shape),
                       " is not supported");
    Requantise wanted{made.batch, made.channels, made.places, kRightScale,
                      kLeftScale, kScale,        kZero,       std::nullopt};
    if (builder.has_input(kBias)) wanted.row_bias = kBias;
    return plan_requantise(builder, wanted, made.sums, made.output);
  }

 private:
  IntegerConv conv_;
};

}  // namespace

Result<KernelPointer> make_q_linear_mat_mul(NodeReader&) {
  return std::make_unique<QLinearMatMul>();
}
Result<KernelPointer> make_q_linear_conv(NodeReader& node) {
  return std::make_unique<QLinearConv>(TRY(read_integer_conv(node)));
}

}  // namespace torchkeep::runtime::kernels
