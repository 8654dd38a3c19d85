#pragma once

#include <cstddef>
#include <cstring>

/// Sixteen floats at once, for loops that run_compiled compiles; where the processor has fewer, the
/// compiler takes several registers. They are loaded and stored wherever floats may lie.
namespace torchkeep::runtime::kernels {

using Lanes [[gnu::vector_size(64)]] = float;
inline constexpr std::ptrdiff_t kLanes = 16;

[[gnu::always_inline]] inline void load_lanes(Lanes& to, const float* from) {
  std::memcpy(&to, from, sizeof to);
}
[[gnu::always_inline]] inline void store_lanes(float* to, const Lanes& from) {
  std::memcpy(to, &from, sizeof from);
}

}  // namespace torchkeep::runtime::kernels
