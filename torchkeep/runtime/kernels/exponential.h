#pragma once

#include <bit>
#include <cstdint>

/// Exponential functions without branches or calls, so that loops of them become vector code.
/// Their polynomials are our own least-squares fits, weighted until the error is level.
/// Not a number stays one.
namespace torchkeep::runtime::kernels {

/// exp(x), relatively within 2e-7 from -87.3 to 88.3. Below it is 0, above what it is at 88.3.
[[gnu::always_inline]] inline float fast_exp(float value) {
  constexpr float kLowest = -87.3F, kHighest = 88.3F;
  const float x = value < kLowest ? kLowest : value > kHighest ? kHighest : value;
  // To a float of this size only whole numbers can be added: the sum's last bits are x / ln 2.
  constexpr float kWhole = 12582912.0F;  // 1.5 * 2^23
  const float shifted = x * 1.44269504F + kWhole;
  const float power = shifted - kWhole;
  // ln 2 in two parts, the first short enough for its product to be exact.
  const float rest = (x - power * 0.693359375F) + power * 2.12194440e-4F;
  float p = 0.00138145981F;
  p = p * rest + 0.00836871693F;
  p = p * rest + 0.0416683881F;
  p = p * rest + 0.166665206F;
  p = p * rest + 0.499999934F;
  p = p * rest * rest + rest + 1.0F;
  constexpr std::uint32_t kBias = 127, kFractionBits = 23;
  const std::uint32_t exponent =
      (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kWhole) + kBias)
      << kFractionBits;
  const float result = p * std::bit_cast<float>(exponent);
  return value < kLowest ? 0.0F : result;
}

/// 1 / (1 + exp(-x)), relatively within 4e-7 down to -87.
[[gnu::always_inline]] inline float fast_sigmoid(float x) { return 1.0F / (1.0F + fast_exp(-x)); }

/// tanh(x), relatively within 4e-7, also near 0.
[[gnu::always_inline]] inline float fast_tanh(float value) {
  constexpr float kOne = 9.0F;  // from there on float32 knows nothing below 1
  const float x = value < -kOne ? -kOne : value > kOne ? kOne : value;
  const float square = x * x;
  float p = -1.2245894e-11F;
  p = p * square + 3.06420531e-08F;
  p = p * square + 2.80311135e-05F;
  p = p * square + 0.00386949821F;
  p = p * square + 0.136808486F;
  p = p * square + 1.0F;
  float q = 1.2890213e-06F;
  q = q * square + 0.000394069613F;
  q = q * square + 0.0272501208F;
  q = q * square + 0.470141807F;
  q = q * square + 1.0F;
  const float result = x * p / q;
  return result < -1.0F ? -1.0F : result > 1.0F ? 1.0F : result;
}

}  // namespace torchkeep::runtime::kernels
