#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

/// Numbers of 16 bits as they are stored: half precision (IEEE 754 binary16) and bfloat16, the
/// upper half of a float. Nothing is computed in them: they are read as float, and results are
/// rounded to the nearest, ties to even.
namespace torchkeep::runtime {

enum class Half : std::uint16_t {};
enum class Bfloat16 : std::uint16_t {};

inline float to_float(Half value) {
  const auto bits = static_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits & 0x8000U) << 16, exponent = bits >> 10 & 0x1fU,
                      fraction = bits & 0x3ffU;
  if (exponent == 0) {  // zero, or too small for a leading one
    const float size = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? size : -size;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

inline float to_float(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

template <typename To>
To narrow_to(float value);

template <>
inline Half narrow_to<Half>(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U, size = bits & 0x7fffffffU;
  if (size > 0x7f800000U) return Half(static_cast<std::uint16_t>(sign | 0x7e00U));  // NaN
  if (size >= 0x477ff000U) return Half(static_cast<std::uint16_t>(sign | 0x7c00U));
  if (size < 0x38800000U) {
    // Below the least number with a leading one: adding 0.5 leaves the wanted bits, rounded, below.
    const auto small = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5F);
    return Half(static_cast<std::uint16_t>(sign | (small - 0x3f000000U)));
  }
  const std::uint32_t odd = size >> 13 & 1U;
  return Half(static_cast<std::uint16_t>(sign | (size - 0x38000000U + 0xfffU + odd) >> 13));
}

template <>
inline Bfloat16 narrow_to<Bfloat16>(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return Bfloat16(static_cast<std::uint16_t>(bits >> 16 | 0x40U));
  return Bfloat16(static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16));
}

/// A double as a float that rounds on to fewer bits as the double itself would: what is cut off is
/// told by the last bit.
inline float to_odd_float(double value) {
  const auto near = static_cast<float>(value);
  const double error = value - static_cast<double>(near);
  if (error == 0 || !std::isfinite(near)) return near;
  auto bits = std::bit_cast<std::uint32_t>(near);
  // Towards zero first, then the last bit is set.
  if ((error < 0) != (near < 0)) --bits;
  return std::bit_cast<float>(bits | 1U);
}

}  // namespace torchkeep::runtime
