// ConvInteger-10: https://onnx.ai/onnx/operators/onnx__ConvInteger.html
// Sums wrap around where 32 bits do not hold them, as the standard lets them.
#include "torchkeep/runtime/kernels/integer_conv.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/packed_conv_integer.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Of any weights and zero points, on any processor.
class ConvInteger final : public Kernel {
 public:
  explicit ConvInteger(IntegerConv conv) : conv_(std::move(conv)) {}

  Result<void> plan(plan::Builder& builder) override {
    IntegerConv conv = conv_;
    conv.image_zero = zero_of(builder, 2);
    conv.weights_zero = zero_of(builder, 3);
    const ConvSums made = TRY(plan_integer_conv(builder, conv));
    return write_sums(builder, made.sums, made.output);
  }

 private:
  IntegerConv conv_;
};

}  // namespace

Result<KernelPointer> make_conv_integer(NodeReader& node) {
  IntegerConv conv = TRY(read_integer_conv(node));
  if (KernelPointer packed = TRY(make_packed_conv_integer(node, conv))) return packed;
  return std::make_unique<ConvInteger>(std::move(conv));
}

}  // namespace torchkeep::runtime::kernels
