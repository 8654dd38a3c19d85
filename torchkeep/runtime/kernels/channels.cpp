#include "torchkeep/runtime/kernels/channels.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

// Sums of so many places are added to the others as one, which keeps what many small numbers add
// to a large one.
constexpr std::size_t kPlacesASum = 64;
constexpr std::size_t kChannelsAtOnce = 64;

[[gnu::always_inline]] inline void multiply(const float* all, const float* each, float* to,
                                            std::size_t places, std::size_t channels) {
  for (std::size_t p = 0; p < places; ++p, all += channels, to += channels) {
    for (std::size_t c = 0; c < channels; ++c) to[c] = all[c] * each[c];
  }
}

/// `sign`: 1 or -1.
[[gnu::always_inline]] inline void add(const float* all, const float* each, float sign, float* to,
                                       std::size_t places, std::size_t channels) {
  for (std::size_t p = 0; p < places; ++p, all += channels, to += channels) {
    for (std::size_t c = 0; c < channels; ++c) to[c] = all[c] + sign * each[c];
  }
}

[[gnu::always_inline]] inline void average(const float* from, float* to, std::size_t places,
                                           std::size_t channels, std::size_t count) {
  float total[kChannelsAtOnce] = {};
  for (std::size_t start = 0; start < places; start += kPlacesASum) {
    float sum[kChannelsAtOnce] = {};
    const std::size_t end = std::min(start + kPlacesASum, places);
    for (std::size_t p = start; p < end; ++p) {
      for (std::size_t c = 0; c < count; ++c) sum[c] += from[p * channels + c];
    }
    for (std::size_t c = 0; c < count; ++c) total[c] += sum[c];
  }
  for (std::size_t c = 0; c < count; ++c) to[c] = total[c] / static_cast<float>(places);
}

// So many bytes add to less than 2^31.
constexpr std::size_t kPlacesAnExactSum = std::size_t{1} << 23;

template <typename T>
[[gnu::always_inline]] inline void sum_numbers(const T* from, double* to, std::size_t places,
                                               std::size_t channels, std::size_t count) {
  for (std::size_t start = 0; start < places; start += kPlacesAnExactSum) {
    std::int32_t sum[kChannelsAtOnce] = {};
    const std::size_t end = std::min(start + kPlacesAnExactSum, places);
    for (std::size_t p = start; p < end; ++p) {
      for (std::size_t c = 0; c < count; ++c) sum[c] += from[p * channels + c];
    }
    for (std::size_t c = 0; c < count; ++c) to[c] += sum[c];
  }
}

template <typename T>
void average_all(const T* from, float scale, std::int32_t zero, float* to, std::size_t places,
                 std::size_t channels, std::size_t first, std::size_t last) {
  for (std::size_t c = first; c < last; c += kChannelsAtOnce) {
    const std::size_t count = std::min(kChannelsAtOnce, last - c);
    double sums[kChannelsAtOnce] = {};
    run_compiled<sum_numbers<T>>(from + c, static_cast<double*>(sums), places, channels, count);
    for (std::size_t k = 0; k < count; ++k)
      to[c + k] = static_cast<float>((sums[k] / static_cast<double>(places) - zero) * scale);
  }
}

}  // namespace

void average_numbers(const std::uint8_t* from, float scale, std::int32_t zero, float* to,
                     std::size_t places, std::size_t channels, std::size_t first,
                     std::size_t last) {
  average_all(from, scale, zero, to, places, channels, first, last);
}
void average_numbers(const std::int8_t* from, float scale, std::int32_t zero, float* to,
                     std::size_t places, std::size_t channels, std::size_t first,
                     std::size_t last) {
  average_all(from, scale, zero, to, places, channels, first, last);
}

void combine_channels(dnn::BinaryKind kind, const float* all, const float* each, float* to,
                      std::size_t places, std::size_t channels) {
  if (kind == dnn::BinaryKind::Mul) return run_compiled<multiply>(all, each, to, places, channels);
  run_compiled<add>(all, each, kind == dnn::BinaryKind::Sub ? -1.0F : 1.0F, to, places, channels);
}

void average_places(const float* from, float* to, std::size_t places, std::size_t channels,
                    std::size_t first, std::size_t last) {
  for (std::size_t c = first; c < last; c += kChannelsAtOnce)
    run_compiled<average>(from + c, to + c, places, channels, std::min(kChannelsAtOnce, last - c));
}

}  // namespace torchkeep::runtime::kernels
