// Abs, Exp, Neg, Relu, Sigmoid, Sqrt, Tanh, LeakyRelu, HardSwish, versions 6 to 14:
// https://onnx.ai/onnx/operators/onnx__Relu.html and the others' pages beside it.
// Float32 is oneDNN's, other types are our own.
#include <cmath>

#include "torchkeep/runtime/kernels/elementwise.h"
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

using dnn::EltwiseKind;
using OtherSigned = Types<double, std::int64_t, std::int32_t, std::int16_t, std::int8_t>;

template <typename List, typename F>
class Function final : public Kernel {
 public:
  Function(EltwiseKind kind, float alpha, bool keeps_zero, F otherwise)
      : kind_(kind), alpha_(alpha), keeps_zero_(keeps_zero), otherwise_(otherwise) {}
  Result<void> plan(plan::Builder& builder) override {
    if (builder.input(0).dtype != DataType::Float32) return plan_map(builder, List(), otherwise_);
    return plan_function(builder, kind_, alpha_, 0, keeps_zero_);
  }

 private:
  EltwiseKind kind_;
  float alpha_;
  bool keeps_zero_;
  F otherwise_;
};

template <typename List, typename F>
KernelPointer make(EltwiseKind kind, float alpha, bool keeps_zero, F otherwise) {
  return std::make_unique<Function<List, F>>(kind, alpha, keeps_zero, otherwise);
}

/// The least integer has no opposite and stays what it is.
template <typename T>
T opposite(T x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(x));
  } else {
    return -x;
  }
}

/// PyTorch 1.13 writes torch.sqrt of a whole number (RAFT's count of channels) as Sqrt of INT64,
/// which the standard leaves undefined. PyTorch means a root of float32.
class Root final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& input = builder.input(0);
    if (input.dtype != DataType::Int64) return floats_->plan(builder);
    const std::size_t count = extent(input.shape, 0, input.shape.size());
    const auto root = [](std::int64_t x) { return std::sqrt(static_cast<float>(x)); };
    return plan_map_step(builder, map_action<std::int64_t, float>(count, root), DataType::Float32);
  }

 private:
  KernelPointer floats_ =
      make<Types<double>>(EltwiseKind::Sqrt, 0, true, [](auto x) { return std::sqrt(x); });
};

}  // namespace

Result<KernelPointer> make_abs(NodeReader&) {
  using Others = Types<double, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint8_t,
                       std::uint16_t, std::uint32_t, std::uint64_t>;
  return make<Others>(EltwiseKind::Abs, 0, true,
                      []<typename T>(T x) { return x < T{0} ? opposite(x) : x; });
}
Result<KernelPointer> make_exp(NodeReader&) {
  return make<Types<double>>(EltwiseKind::Exp, 0, false, [](auto x) { return std::exp(x); });
}
Result<KernelPointer> make_neg(NodeReader&) {
  return make<OtherSigned>(EltwiseKind::Linear, -1, true, [](auto x) { return opposite(x); });
}
Result<KernelPointer> make_relu(NodeReader&) {
  return make<OtherSigned>(EltwiseKind::Relu, 0, true,
                           []<typename T>(T x) { return x < T{0} ? T{0} : x; });
}
Result<KernelPointer> make_sigmoid(NodeReader&) {
  return make<Types<double>>(EltwiseKind::Sigmoid, 0, false,
                             []<typename T>(T x) { return T{1} / (T{1} + std::exp(-x)); });
}
Result<KernelPointer> make_sqrt(NodeReader&) { return std::make_unique<Root>(); }
Result<KernelPointer> make_tanh(NodeReader&) {
  return make<Types<double>>(EltwiseKind::Tanh, 0, true, [](auto x) { return std::tanh(x); });
}
Result<KernelPointer> make_hard_swish(NodeReader&) {
  return make<Types<double>>(EltwiseKind::HardSwish, 0, true, []<typename T>(T x) {
    return x * std::max(T{0}, std::min(T{1}, x / T{6} + T{0.5}));
  });
}
Result<KernelPointer> make_leaky_relu(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 0.01F));
  return make<Types<double>>(EltwiseKind::Relu, alpha, true, [alpha]<typename T>(T x) {
    return x < T{0} ? x * static_cast<T>(alpha) : x;
  });
}

}  // namespace torchkeep::runtime::kernels
