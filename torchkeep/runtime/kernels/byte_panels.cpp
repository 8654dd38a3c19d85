#include "torchkeep/runtime/kernels/byte_panels.h"

#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

using Ints [[gnu::vector_size(64)]] = std::int32_t;
using Words [[gnu::vector_size(64)]] = std::uint32_t;

constexpr std::size_t kStep = kLanes, kLanesAPanel = kPanelColumns / kStep;
constexpr std::size_t kMostRows = 4;  // whose sums stay in registers
constexpr std::size_t kAhead = 1024;  // bytes that are fetched before they are wanted
constexpr unsigned kWordBits = 32;
constexpr int kMiddle = 8;

/// How numbers are stored, and how those of 4 bits become floats.
enum class Stored {
  Bytes,
  Looked,    ///< Up in a register, where the processor has an instruction for that.
  Computed,  ///< Otherwise.
};

/// Of a number.
constexpr unsigned bits_of(Stored stored) { return stored == Stored::Bytes ? 8 : 4; }

/// Number `place` of each of sixteen words.
template <Stored kStored>
[[gnu::always_inline]] inline void number(Lanes& to, const Words& words, unsigned place) {
  constexpr unsigned kBits = bits_of(kStored);
  if constexpr (kStored == Stored::Bytes) {
    // Shifted up to where its sign is the word's, and down again.
    const Words high = words << (kWordBits - kBits * (place + 1));
    to = __builtin_convertvector(reinterpret_cast<const Ints&>(high) >> (kWordBits - kBits), Lanes);
    return;
  }
  const Words low = words >> (kBits * place);
#if __has_builtin(__builtin_shuffle)
  if constexpr (kStored == Stored::Looked) {
    constexpr Lanes kNumbers = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
    to = __builtin_shuffle(kNumbers, reinterpret_cast<const Ints&>(low));  // modulo sixteen
    return;
  }
#endif
  to = __builtin_convertvector(reinterpret_cast<Ints>(low & 15) - kMiddle, Lanes);
}

/// Row `which` of those that words hold.
template <std::size_t kRows, Stored kStored>
[[gnu::always_inline]] inline void add_row(Lanes (&sums)[kRows][kLanesAPanel],
                                           const std::uint8_t* from, unsigned which,
                                           Rows<const float> x, std::size_t i) {
  Words words;
  std::memcpy(&words, from, sizeof words);
  Lanes columns[kLanesAPanel];
#pragma GCC unroll 4
  for (unsigned k = 0; k < kLanesAPanel; ++k)
    number<kStored>(columns[k], words, static_cast<unsigned>(which * kLanesAPanel) + k);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r) {
    const float one = x.start[r * x.step + i];
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesAPanel; ++k) sums[r][k] += one * columns[k];
  }
}

/// `kRows` rows with one panel.
template <std::size_t kRows, Stored kStored>
[[gnu::always_inline]] inline void multiply_panel(const BytePanels& panels,
                                                  const std::uint8_t* from, const float* scales,
                                                  Rows<const float> x, float (*to)[kPanelColumns]) {
  constexpr std::size_t kAtOnce = kStored == Stored::Bytes ? 1 : 2;
  Lanes totals[kRows][kLanesAPanel] = {};
  for (std::size_t start = 0; start < panels.inner; start += panels.block) {
    const std::size_t end = std::min(start + panels.block, panels.inner);
    Lanes sums[kRows][kLanesAPanel] = {};
    std::size_t i = start;
    for (; i + kAtOnce <= end; i += kAtOnce, from += kPanelColumns) {
      __builtin_prefetch(from + kAhead);
      add_row<kRows, kStored>(sums, from, 0, x, i);
      if constexpr (kAtOnce == 2) add_row<kRows, kStored>(sums, from, 1, x, i + 1);
    }
    if (i < end) {
      add_row<kRows, kStored>(sums, from, 0, x, i);
      from += kPanelColumns;
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

template <Stored kStored>
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
        multiply_panel<kMostRows, kStored>(panels, from, with, part, sums);
      else
        multiply_panel<1, kStored>(panels, from, with, part, sums);
      for (std::size_t r = 0; r < (full ? kMostRows : 1); ++r, ++row) {
        float* out = to.start + row * to.step + start;
        for (std::size_t j = 0; j < columns; ++j) out[j] = add ? out[j] + sums[r][j] : sums[r][j];
      }
    }
  }
}

}  // namespace

void pack_bytes(const BytePanels& panels, const std::int8_t* from, std::uint8_t* to) {
  const unsigned bits = panels.four_bits ? 4 : 8, places = kWordBits / bits;
  const std::size_t at_once = places / kLanesAPanel;
  const auto code = [&](std::size_t row, std::size_t column) -> std::uint32_t {
    const int number = column < panels.columns ? from[row * panels.columns + column] : 0;
    return static_cast<std::uint32_t>(panels.four_bits ? number + kMiddle : number & 255);
  };
  for (std::size_t start = 0; start < panels.columns; start += kPanelColumns) {
    for (std::size_t first = 0; first < panels.inner; first += panels.block) {
      const std::size_t end = std::min(first + panels.block, panels.inner);
      for (std::size_t i = first; i < end; i += at_once) {
        for (std::size_t j = 0; j < kStep; ++j, to += sizeof(std::uint32_t)) {
          std::uint32_t word = 0;
          for (unsigned place = 0; place < places; ++place) {
            const std::size_t row = i + place / kLanesAPanel;
            if (row < end)
              word |= code(row, start + j + place % kLanesAPanel * kStep) << (bits * place);
          }
          std::memcpy(to, &word, sizeof word);
        }
      }
    }
  }
}

void unpack_column(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                   std::size_t column, float* to) {
  const std::size_t panel = column / kPanelColumns, inside = column % kPanelColumns,
                    lane = inside % kStep;
  const auto place = static_cast<unsigned>(inside / kStep);
  const std::uint8_t* from = weights + panel * panels.panel_bytes() + lane * sizeof(std::uint32_t);
  const float* scale = scales + panel * panels.panel_scales() + inside;
  for (std::size_t first = 0; first < panels.inner; first += panels.block) {
    const std::size_t rows = std::min(panels.block, panels.inner - first);
    for (std::size_t i = 0; i < rows; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, from + (panels.four_bits ? i / 2 : i) * kPanelColumns, sizeof word);
      const unsigned above = panels.four_bits && i % 2 == 1 ? kLanesAPanel : 0;
      const int number = panels.four_bits
                             ? static_cast<int>(word >> (4 * (place + above)) & 15) - kMiddle
                             : static_cast<std::int8_t>(word >> (8 * place) & 255);
      *to++ = static_cast<float>(number) * *scale;
    }
    from += panels.block_bytes(rows);
    scale += kPanelColumns;
  }
}

void multiply_bytes(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                    Rows<const float> x, Rows<float> to, std::size_t count, bool add,
                    std::size_t first, std::size_t last) {
  if (!panels.four_bits)
    run_compiled<multiply<Stored::Bytes>>(&panels, weights, scales, x, to, count, add, first, last);
  else if (has_wide_vectors())
    run_compiled<multiply<Stored::Looked>>(&panels, weights, scales, x, to, count, add, first,
                                           last);
  else
    run_compiled<multiply<Stored::Computed>>(&panels, weights, scales, x, to, count, add, first,
                                             last);
}

}  // namespace torchkeep::runtime::kernels
