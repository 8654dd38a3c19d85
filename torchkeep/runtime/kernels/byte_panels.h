#pragma once

#include <cstdint>

#include "torchkeep/runtime/kernels/panels.h"

/// Weights of 8 or 4 bits in panels of 64 columns, as panels.h has floats: a row of a panel is 64
/// bytes, or 32 of which each holds a column's number in its low half and that of the column 16
/// further in its high half, plus 8. They become floats in registers and nowhere else.
namespace torchkeep::runtime::kernels {

struct BytePanels {
  std::size_t inner = 0;    ///< Rows of the weights.
  std::size_t columns = 0;  ///< Those of the last panel beyond it are there, and are not written.
  std::size_t block = 0;    ///< Rows with one scale a column; `inner` if all have one.
  bool four_bits = false;

  std::size_t row_bytes() const { return four_bits ? kPanelColumns / 2 : kPanelColumns; }
  std::size_t blocks() const { return block == 0 ? 0 : (inner + block - 1) / block; }
  std::size_t panel_bytes() const { return inner * row_bytes(); }
  /// Of the scales of one panel: kPanelColumns for each block.
  std::size_t panel_scales() const { return blocks() * kPanelColumns; }
};

/// `from`: row-major [inner, columns]. `to`: panel_count(columns) * panel_bytes() bytes.
void pack_bytes(const BytePanels& panels, const std::int8_t* from, std::uint8_t* to);
/// `from`: one scale, one for each column or, row-major, [blocks, columns], as `count` tells.
/// `to`: panel_count(columns) * panel_scales() floats.
void pack_scales(const BytePanels& panels, const float* from, std::size_t count, float* to);

/// to[r][j] = sum of x[r][i] * weights[i][j] * scale, plus to[r][j] if `add`, for `count` rows and
/// panels `first` to `last`.
void multiply_bytes(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                    Rows<const float> x, Rows<float> to, std::size_t count, bool add,
                    std::size_t first, std::size_t last);

}  // namespace torchkeep::runtime::kernels
