// MatMulInteger-10: https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
// ConvInteger-10: https://onnx.ai/onnx/operators/onnx__ConvInteger.html
// Sums wrap around where 32 bits do not hold them, as the standard lets them.
#include "torchkeep/runtime/kernels/integer_conv.h"
#include "torchkeep/runtime/kernels/integer_mat_mul.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

std::optional<std::size_t> zero_of(const plan::Builder& builder, std::size_t input) {
  return builder.has_input(input) ? std::optional(input) : std::nullopt;
}

Result<void> write_sums(plan::Builder& builder, plan::BufferId sums, const Shape& shape) {
  const std::uint64_t count = TRY(element_count(shape));
  const plan::BufferId to = TRY(builder.write(0, DataType::Int32, shape));
  builder.step({sums, to}, [count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    for (std::size_t i = 0; i < count; ++i)
      target<std::int32_t>(memory, 1)[i] =
          static_cast<std::int32_t>(source<std::int64_t>(memory, 0)[i]);
    return {};
  });
  return {};
}

class MatMulInteger final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const IntegerSums made =
        TRY(plan_integer_mat_mul(builder, {0, 1, zero_of(builder, 2), zero_of(builder, 3)}));
    return write_sums(builder, made.sums, made.output);
  }
};

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

Result<KernelPointer> make_mat_mul_integer(NodeReader&) {
  return std::make_unique<MatMulInteger>();
}
Result<KernelPointer> make_conv_integer(NodeReader& node) {
  return std::make_unique<ConvInteger>(TRY(read_integer_conv(node)));
}

}  // namespace torchkeep::runtime::kernels
