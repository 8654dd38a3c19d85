// Elu, Selu, Celu, Softplus, Softsign, ThresholdedRelu, Mish, Shrink, Gelu, Swish, versions 1 to
// 24: https://onnx.ai/onnx/operators/onnx__Elu.html and the others' pages beside it.
#include <cmath>

#include "torchkeep/runtime/kernels/erf.h"
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// ln(1 + exp(x)) that does not overflow.
template <typename T>
T softplus(T x) {
  return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
}

template <typename T>
T gelu(T x) {
  const T scaled = x * static_cast<T>(0.70710678118654752);
  if constexpr (std::is_same_v<T, float>)
    return 0.5F * x * (1.0F + fast_erf(scaled));
  else
    return T{0.5} * x * (T{1} + std::erf(scaled));
}

template <typename T>
T gelu_by_tanh(T x) {
  const T inner = static_cast<T>(0.79788456080286536) * (x + static_cast<T>(0.044715) * x * x * x);
  return static_cast<T>(0.5) * x * (T{1} + std::tanh(inner));
}

}  // namespace

Result<KernelPointer> make_elu(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 1));
  return make_map<FloatTypes>(
      [alpha]<typename T>(T x) { return x > T{0} ? x : static_cast<T>(alpha) * std::expm1(x); });
}
Result<KernelPointer> make_selu(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 1.67326319217681884765625F));
  const float gamma = TRY(node.float_or("gamma", 1.05070102214813232421875F));
  return make_map<FloatTypes>([alpha, gamma]<typename T>(T x) {
    return static_cast<T>(gamma) * (x > T{0} ? x : static_cast<T>(alpha) * std::expm1(x));
  });
}
Result<KernelPointer> make_celu(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 1));
  if (alpha == 0) return malformed("alpha is 0, wanted is another number: it divides");
  return make_map<FloatTypes>([alpha]<typename T>(T x) {
    const T scale = static_cast<T>(alpha);
    return std::max(x, T{0}) + std::min(T{0}, scale * std::expm1(x / scale));
  });
}
Result<KernelPointer> make_softplus(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return softplus(x); });
}
Result<KernelPointer> make_softsign(NodeReader&) {
  return make_map<FloatTypes>([]<typename T>(T x) { return x / (T{1} + std::abs(x)); });
}
Result<KernelPointer> make_thresholded_relu(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 1));
  return make_map<FloatTypes>(
      [alpha]<typename T>(T x) { return x > static_cast<T>(alpha) ? x : T{0}; });
}
Result<KernelPointer> make_mish(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return x * std::tanh(softplus(x)); });
}
Result<KernelPointer> make_shrink(NodeReader& node) {
  const float lambda = TRY(node.float_or("lambd", 0.5F)), bias = TRY(node.float_or("bias", 0));
  return make_map<FloatTypes>([lambda, bias]<typename T>(T x) {
    if (x < static_cast<T>(-lambda)) return static_cast<T>(x + static_cast<T>(bias));
    if (x > static_cast<T>(lambda)) return static_cast<T>(x - static_cast<T>(bias));
    return T{0};
  });
}
Result<KernelPointer> make_gelu(NodeReader& node) {
  const std::string_view form = TRY(node.text_or("approximate", "none"));
  if (form == "tanh") return make_map<FloatTypes>([](auto x) { return gelu_by_tanh(x); });
  if (form != "none") return malformed("approximate is \"", form, "\", wanted is none or tanh");
  return make_map<FloatTypes>([](auto x) { return gelu(x); });
}

}  // namespace torchkeep::runtime::kernels
