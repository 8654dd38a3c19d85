#pragma once

#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {

template <typename T>
constexpr bool is_half_v = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat16>;

/// One element as another type. Source: ONNX operator Cast.
template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (is_half_v<From>) {
    return convert<To>(to_float(value));
  } else if constexpr (is_half_v<To>) {
    if constexpr (std::is_same_v<From, float>)
      return narrow_to<To>(value);
    else
      return narrow_to<To>(to_odd_float(convert<double>(value)));
  } else if constexpr (std::is_same_v<From, Truth>) {
    return convert<To>(static_cast<std::uint8_t>(value) != 0 ? std::uint8_t{1} : std::uint8_t{0});
  } else if constexpr (std::is_same_v<To, Truth>) {
    return static_cast<Truth>(value != From{0});
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // What does not fit is undefined in the standard, and in C++ too: here it ends at the nearest.
    if (std::isnan(value)) return 0;
    if (value <= static_cast<From>(std::numeric_limits<To>::min()))
      return std::numeric_limits<To>::min();
    if (value >= static_cast<From>(std::numeric_limits<To>::max()))
      return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace torchkeep::runtime::kernels
