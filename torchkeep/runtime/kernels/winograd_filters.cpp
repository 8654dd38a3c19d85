// Filters in the form in which winograd.cpp multiplies with them.
#include <algorithm>

#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/winograd.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kTaps = 9;  // of a filter
constexpr std::size_t kSide = 4;  // of what stands for it
constexpr std::size_t kDepth = kTileDepth;

/// G g of a column or a row of the filter.
[[gnu::always_inline]] inline void stretch(const Lanes& a, const Lanes& b, const Lanes& c,
                                           Lanes (&to)[kSide]) {
  const Lanes ends = 0.5F * (a + c), middle = 0.5F * b;
  to[0] = a;
  to[1] = ends + middle;
  to[2] = ends - middle;
  to[3] = c;
}

/// G g G^T of sixteen filters, of which `count` are there, `step` floats apart.
[[gnu::always_inline]] inline void stretch_filters(const float* from, std::size_t step,
                                                   std::size_t count, float* to,
                                                   std::size_t point_step) {
  alignas(64) float taps[kTaps][kDepth] = {};
  for (std::size_t o = 0; o < count; ++o) {
#pragma GCC unroll 9
    for (std::size_t t = 0; t < kTaps; ++t) taps[t][o] = from[o * step + t];
  }
  Lanes columns[3][kSide];  // G g, column by column
#pragma GCC unroll 3
  for (std::size_t j = 0; j < 3; ++j) {
    Lanes filter[3];
#pragma GCC unroll 3
    for (std::size_t i = 0; i < 3; ++i) load_lanes(filter[i], taps[i * 3 + j]);
    stretch(filter[0], filter[1], filter[2], columns[j]);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kSide; ++i) {
    Lanes row[kSide];
    stretch(columns[0][i], columns[1][i], columns[2][i], row);
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kSide; ++j) store_lanes(to + (i * kSide + j) * point_step, row[j]);
  }
}

}  // namespace

std::size_t winograd_filter_floats(std::size_t outputs, std::size_t inputs) {
  return (outputs + kTileColumns - 1) / kTileColumns * kTileColumns * inputs * kPoints;
}

[[gnu::target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")]] void transform_filters(
    const float* from, std::size_t outputs, std::size_t inputs, float* to) {
  const std::size_t panels = (outputs + kTileColumns - 1) / kTileColumns;
  for (std::size_t panel = 0; panel < panels; ++panel, to += kPoints * inputs * kTileColumns) {
    for (std::size_t input = 0; input < inputs; ++input) {
      for (std::size_t lane = 0; lane < kTileColumns; lane += kDepth) {
        const std::size_t first = panel * kTileColumns + lane;
        stretch_filters(from + (first * inputs + input) * kTaps, inputs * kTaps,
                        std::min(kDepth, outputs - std::min(outputs, first)),
                        to + input * kTileColumns + lane, inputs * kTileColumns);
      }
    }
  }
}

}  // namespace torchkeep::runtime::kernels
