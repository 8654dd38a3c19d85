#include "torchkeep/runtime/kernels/curves.h"

#include "torchkeep/runtime/kernels/erf.h"
#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

[[gnu::always_inline]] inline void bend_by_gelu(float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    to[i] = 0.5F * to[i] * (1.0F + fast_erf(to[i] * 0.70710678F));
}

[[gnu::always_inline]] inline void bend_by_tanh(float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = to[i], inner = 0.79788456F * (x + 0.044715F * x * x * x);
    to[i] = 0.5F * x * (1.0F + fast_tanh(inner));
  }
}

[[gnu::always_inline]] inline void bend_by_swish(float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] *= fast_sigmoid(to[i]);
}

[[gnu::always_inline]] inline void bend_by_hard_swish(float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float gate = to[i] * (1.0F / 6) + 0.5F;
    to[i] *= gate < 0 ? 0.0F : gate > 1 ? 1.0F : gate;
  }
}

}  // namespace

void bend(const graph::Activation& activation, std::span<float> values) {
  using Kind = graph::Activation::Kind;
  switch (activation.kind) {
    case Kind::None: return;
    case Kind::Gelu: return run_compiled<bend_by_gelu>(values.data(), values.size());
    case Kind::GeluByTanh: return run_compiled<bend_by_tanh>(values.data(), values.size());
    case Kind::Swish: return run_compiled<bend_by_swish>(values.data(), values.size());
    case Kind::HardSwish: return run_compiled<bend_by_hard_swish>(values.data(), values.size());
    case Kind::Relu:
    case Kind::Clip: break;
  }
  for (float& value : values) value = activation.apply(value);
}

}  // namespace torchkeep::runtime::kernels
