#include "torchkeep/runtime/kernels/byte_panels.h"

#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

using Numbers [[gnu::vector_size(16)]] = std::int8_t;
using Halves [[gnu::vector_size(16)]] = std::uint8_t;
using Words [[gnu::vector_size(32)]] = std::int16_t;
using Ints [[gnu::vector_size(64)]] = std::int32_t;

constexpr std::size_t kStep = kLanes, kLanesAPanel = kPanelColumns / kStep;
constexpr std::size_t kMostRows = 4;  // whose sums stay in registers
constexpr std::size_t kAhead = 1024;  // bytes that are fetched before they are wanted
constexpr int kMiddle = 8;

[[gnu::always_inline]] inline void widen(Lanes& to, Numbers numbers) {
  // In two steps, each of which is an instruction.
  const Words words = __builtin_convertvector(numbers, Words);
  to = __builtin_convertvector(__builtin_convertvector(words, Ints), Lanes);
}

template <bool kFourBits>
[[gnu::always_inline]] inline void load_row(Lanes (&to)[kLanesAPanel], const std::uint8_t* from) {
  if constexpr (kFourBits) {
#pragma GCC unroll 2
    for (std::size_t k = 0; k < kLanesAPanel; k += 2) {
      Halves pairs;
      std::memcpy(&pairs, from + k / 2 * kStep, sizeof pairs);
      const Halves low = pairs & 15, high = pairs >> 4;
      widen(to[k], reinterpret_cast<Numbers>(low) - std::int8_t{kMiddle});
      widen(to[k + 1], reinterpret_cast<Numbers>(high) - std::int8_t{kMiddle});
    }
  } else {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) {
      Numbers numbers;
      std::memcpy(&numbers, from + k * kStep, sizeof numbers);
      widen(to[k], numbers);
    }
  }
}

/// `kRows` rows with one panel.
template <std::size_t kRows, bool kFourBits>
[[gnu::always_inline]] inline void multiply_panel(const BytePanels& panels,
                                                  const std::uint8_t* from, const float* scales,
                                                  Rows<const float> x, float (*to)[kPanelColumns]) {
  constexpr std::size_t kRowBytes = kFourBits ? kPanelColumns / 2 : kPanelColumns;
  Lanes totals[kRows][kLanesAPanel] = {};
  for (std::size_t start = 0; start < panels.inner; start += panels.block) {
    const std::size_t end = std::min(start + panels.block, panels.inner);
    Lanes sums[kRows][kLanesAPanel] = {};
    for (std::size_t i = start; i < end; ++i, from += kRowBytes) {
      __builtin_prefetch(from + kAhead);
      Lanes columns[kLanesAPanel];
      load_row<kFourBits>(columns, from);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) {
        const float one = x.start[r * x.step + i];
#pragma GCC unroll 4
        for (std::size_t k = 0; k < kLanesAPanel; ++k) sums[r][k] += one * columns[k];
      }
    }
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) {
      Lanes scale;
      load_lanes(scale, scales + k * kStep);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) totals[r][k] += scale * sums[r][k];
    }
    scales += kPanelColumns;
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) store_lanes(to[r] + k * kStep, totals[r][k]);
  }
}

template <bool kFourBits>
[[gnu::always_inline]] inline void multiply(const BytePanels* wanted, const std::uint8_t* weights,
                                            const float* scales, Rows<const float> x,
                                            Rows<float> to, std::size_t count, bool add,
                                            std::size_t first, std::size_t last) {
  const BytePanels panels = *wanted;
  for (std::size_t panel = first; panel < last; ++panel) {
    const std::uint8_t* from = weights + panel * panels.panel_bytes();
    const float* with = scales + panel * panels.panel_scales();
    const std::size_t start = panel * kPanelColumns,
                      columns = std::min(kPanelColumns, panels.columns - start);
    for (std::size_t row = 0; row < count;) {
      const Rows<const float> part{x.start + row * x.step, x.step};
      float sums[kMostRows][kPanelColumns];
      const bool full = count - row >= kMostRows;
      if (full)
        multiply_panel<kMostRows, kFourBits>(panels, from, with, part, sums);
      else
        multiply_panel<1, kFourBits>(panels, from, with, part, sums);
      for (std::size_t r = 0; r < (full ? kMostRows : 1); ++r, ++row) {
        float* out = to.start + row * to.step + start;
        for (std::size_t j = 0; j < columns; ++j) out[j] = add ? out[j] + sums[r][j] : sums[r][j];
      }
    }
  }
}

}  // namespace

void pack_bytes(const BytePanels& panels, const std::int8_t* from, std::uint8_t* to) {
  for (std::size_t start = 0; start < panels.columns; start += kPanelColumns) {
    for (std::size_t i = 0; i < panels.inner; ++i, to += panels.row_bytes()) {
      const auto number = [&](std::size_t column) -> int {
        return start + column < panels.columns ? from[i * panels.columns + start + column] : 0;
      };
      for (std::size_t j = 0; j < panels.row_bytes(); ++j) {
        if (!panels.four_bits) {
          to[j] = static_cast<std::uint8_t>(number(j));
          continue;
        }
        const std::size_t column = j / kStep * 2 * kStep + j % kStep;
        to[j] = static_cast<std::uint8_t>((number(column) + kMiddle) |
                                          (number(column + kStep) + kMiddle) << 4);
      }
    }
  }
}

void pack_scales(const BytePanels& panels, const float* from, std::size_t count, float* to) {
  for (std::size_t start = 0; start < panels.columns; start += kPanelColumns) {
    for (std::size_t b = 0; b < panels.blocks(); ++b) {
      for (std::size_t j = 0; j < kPanelColumns; ++j) {
        const std::size_t column = std::min(start + j, panels.columns - 1);
        *to++ = from[count == 1 ? 0 : b * panels.columns + column];
      }
    }
  }
}

void multiply_bytes(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                    Rows<const float> x, Rows<float> to, std::size_t count, bool add,
                    std::size_t first, std::size_t last) {
  if (panels.four_bits)
    run_compiled<multiply<true>>(&panels, weights, scales, x, to, count, add, first, last);
  else
    run_compiled<multiply<false>>(&panels, weights, scales, x, to, count, add, first, last);
}

}  // namespace torchkeep::runtime::kernels
