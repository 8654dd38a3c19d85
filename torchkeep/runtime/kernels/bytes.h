#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

/// Floats and the numbers of 8 or 16 bits that stand for them, in loops without branches.
/// Source: ONNX operators QuantizeLinear, DequantizeLinear.
namespace torchkeep::runtime::kernels {

/// round(value / scale) + zero, halves to even, as near as T comes. What is no number becomes 0.
template <typename T>
[[gnu::always_inline]] inline T quantise(float value, float scale, std::int32_t zero) {
  // 1.5 * 2^23: a float of that size has no place for what comes after the point.
  constexpr float kWhole = 12582912.0F;
  const auto middle = static_cast<float>(zero);
  const float low = static_cast<float>(std::numeric_limits<T>::min()) - middle,
              high = static_cast<float>(std::numeric_limits<T>::max()) - middle;
  float steps = value / scale;
  steps = steps == steps ? steps : -middle;
  steps = steps > low ? steps : low;
  steps = steps < high ? steps : high;
  return static_cast<T>(static_cast<std::int32_t>(steps + kWhole - kWhole) + zero);
}

/// Of a row. Compiled for this processor.
void quantise_row(const float* from, std::size_t count, float scale, std::int32_t zero,
                  std::uint8_t* to);
void quantise_row(const float* from, std::size_t count, float scale, std::int32_t zero,
                  std::int8_t* to);
/// (number - zero) * scale.
void dequantise_row(const std::uint8_t* from, std::size_t count, float scale, std::int32_t zero,
                    float* to);
void dequantise_row(const std::int8_t* from, std::size_t count, float scale, std::int32_t zero,
                    float* to);

}  // namespace torchkeep::runtime::kernels
