#pragma once

#include <cstdint>

#include "torchkeep/runtime/kernels/panels.h"

/// Weights of 8 or 4 bits in panels of 64 columns, as panels.h has floats. A row of a panel is
/// sixteen words of 32 bits, which hold columns j, j + 16, j + 32 and j + 48 from their low end on:
/// a shift brings sixteen neighbours to where they become floats, in registers and nowhere else.
/// With 4 bits, each number plus 8, a word holds those of the next row too; a block with an odd
/// number of rows ends with one that nobody reads.
namespace torchkeep::runtime::kernels {

struct BytePanels {
  std::size_t inner = 0;    ///< Rows of the weights.
  std::size_t columns = 0;  ///< Those of the last panel beyond it are there, and are not written.
  std::size_t block = 0;    ///< Rows with one scale a column; `inner` if all have one.
  bool four_bits = false;

  std::size_t blocks() const { return block == 0 ? 0 : (inner + block - 1) / block; }
  /// Of `rows` that share their scales.
  std::size_t block_bytes(std::size_t rows) const {
    return (four_bits ? (rows + 1) / 2 : rows) * kPanelColumns;
  }
  std::size_t panel_bytes() const {
    if (blocks() == 0) return 0;
    return (blocks() - 1) * block_bytes(block) + block_bytes(inner - (blocks() - 1) * block);
  }
  /// Of the scales of one panel: kPanelColumns for each block.
  std::size_t panel_scales() const { return blocks() * kPanelColumns; }
};

/// `from`: row-major [inner, columns]. `to`: panel_count(columns) * panel_bytes() bytes.
void pack_bytes(const BytePanels& panels, const std::int8_t* from, std::uint8_t* to);
/// Row by row, column `column` times its scales: `inner` floats.
void unpack_column(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                   std::size_t column, float* to);

/// to[r][j] = sum of x[r][i] * weights[i][j] * scale, plus to[r][j] if `add`, for `count` rows and
/// panels `first` to `last`.
void multiply_bytes(const BytePanels& panels, const std::uint8_t* weights, const float* scales,
                    Rows<const float> x, Rows<float> to, std::size_t count, bool add,
                    std::size_t first, std::size_t last);

}  // namespace torchkeep::runtime::kernels
