#include "torchkeep/runtime/kernels/panels.h"

#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kStep = kLanes, kLanesAPanel = kPanelColumns / kStep;
constexpr std::size_t kMostRows = 4;  // whose sums stay in registers

/// `kRows` rows with one panel. With one row, odd and even products have sums of their own, so that
/// an addition need not wait for the one before.
template <std::size_t kRows>
[[gnu::always_inline]] inline void multiply_panel(std::size_t inner, const float* weights,
                                                  Rows<const float> x, float (*to)[kPanelColumns]) {
  constexpr std::size_t kSums = kRows == 1 ? 2 : 1;
  Lanes sums[kSums][kRows][kLanesAPanel] = {};
  const float* from = weights;
  std::size_t i = 0;
  for (; i + kSums <= inner; i += kSums) {
#pragma GCC unroll 2
    for (std::size_t s = 0; s < kSums; ++s, from += kPanelColumns) {
      Lanes columns[kLanesAPanel];
#pragma GCC unroll 4
      for (std::size_t k = 0; k < kLanesAPanel; ++k) load_lanes(columns[k], from + k * kStep);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) {
        const float one = x.start[r * x.step + i + s];
#pragma GCC unroll 4
        for (std::size_t k = 0; k < kLanesAPanel; ++k) sums[s][r][k] += one * columns[k];
      }
    }
  }
  if (i < inner) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) {
      Lanes columns;
      load_lanes(columns, from + k * kStep);
      sums[0][0][k] += x.start[i] * columns;
    }
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) {
      if constexpr (kSums == 2) sums[0][r][k] += sums[1][r][k];
      store_lanes(to[r] + k * kStep, sums[0][r][k]);
    }
  }
}

[[gnu::always_inline]] inline void multiply(const PanelProduct* product, const float* weights,
                                            Rows<const float> x, Rows<float> to, std::size_t count,
                                            bool add, std::size_t first, std::size_t last) {
  for (std::size_t panel = first; panel < last; ++panel) {
    const float* from = weights + panel * product->inner * kPanelColumns;
    const std::size_t start = panel * kPanelColumns,
                      columns = std::min(kPanelColumns, product->columns - start);
    for (std::size_t row = 0; row < count;) {
      const Rows<const float> part{x.start + row * x.step, x.step};
      float sums[kMostRows][kPanelColumns];
      const bool full = count - row >= kMostRows;
      if (full)
        multiply_panel<kMostRows>(product->inner, from, part, sums);
      else
        multiply_panel<1>(product->inner, from, part, sums);
      for (std::size_t r = 0; r < (full ? kMostRows : 1); ++r, ++row) {
        float* out = to.start + row * to.step + start;
        if (add) {
          for (std::size_t j = 0; j < columns; ++j) out[j] += sums[r][j];
        } else {
          for (std::size_t j = 0; j < columns; ++j) out[j] = sums[r][j];
        }
      }
    }
  }
}

}  // namespace

void pack_panels(const PanelProduct& product, const float* from, float* to) {
  for (std::size_t start = 0; start < product.columns; start += kPanelColumns) {
    for (std::size_t i = 0; i < product.inner; ++i) {
      for (std::size_t k = 0; k < kPanelColumns; ++k) {
        const std::size_t column = start + k;
        *to++ = column < product.columns ? from[column * product.inner + i] : 0;
      }
    }
  }
}

void multiply_panels(const PanelProduct& product, const float* weights, Rows<const float> x,
                     Rows<float> to, std::size_t count, bool add, std::size_t first,
                     std::size_t last) {
  run_compiled<multiply>(&product, weights, x, to, count, add, first, last);
}

}  // namespace torchkeep::runtime::kernels
