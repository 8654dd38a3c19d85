#include "torchkeep/runtime/kernels/bytes.h"

#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename T>
[[gnu::always_inline]] inline void quantise_all(const float* __restrict from, std::size_t count,
                                                float scale, std::int32_t zero, T* __restrict to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = quantise<T>(from[i], scale, zero);
}

template <typename T>
[[gnu::always_inline]] inline void dequantise_all(const T* __restrict from, std::size_t count,
                                                  float scale, std::int32_t zero,
                                                  float* __restrict to) {
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<float>(std::int32_t{from[i]} - zero) * scale;
}

}  // namespace

void quantise_row(const float* from, std::size_t count, float scale, std::int32_t zero,
                  std::uint8_t* to) {
  run_compiled<quantise_all<std::uint8_t>>(from, count, scale, zero, to);
}
void quantise_row(const float* from, std::size_t count, float scale, std::int32_t zero,
                  std::int8_t* to) {
  run_compiled<quantise_all<std::int8_t>>(from, count, scale, zero, to);
}
void dequantise_row(const std::uint8_t* from, std::size_t count, float scale, std::int32_t zero,
                    float* to) {
  run_compiled<dequantise_all<std::uint8_t>>(from, count, scale, zero, to);
}
void dequantise_row(const std::int8_t* from, std::size_t count, float scale, std::int32_t zero,
                    float* to) {
  run_compiled<dequantise_all<std::int8_t>>(from, count, scale, zero, to);
}

}  // namespace torchkeep::runtime::kernels
