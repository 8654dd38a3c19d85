#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "torchkeep/runtime/graph/graph.h"

/// Products with packed weights in tiles of six rows and 64 columns, whose sums stay in the
/// registers of a processor with vectors of 512 bits; while a tile is summed, the weights that
/// come next are fetched from memory. A convolution is the same loop: its rows are the places of a
/// window, and its inputs lie where that window looks.
namespace torchkeep::runtime::kernels {

inline constexpr std::size_t kTileRows = 6;
inline constexpr std::size_t kTileColumns = 64;
inline constexpr std::size_t kTileDepth = 16;  ///< Inputs that a row has side by side.
inline constexpr std::int32_t kOutside = -1;   ///< A place on padding, which counts as zeros.

struct Tiles {
  // The weights: panels of 64 columns; in a panel, for sixteen inputs after the other, tap by tap,
  // sixteen rows of 64. Inputs and columns that are missing are zeros.
  std::size_t inputs = 0;  ///< Of each tap; beyond one tap a multiple of sixteen.
  std::size_t taps = 1;
  std::size_t columns = 0;
  std::size_t panel_floats = 0;  ///< From one panel to the next.

  // Rows: so many in each of some images, in which they lie alike. Steps count floats.
  std::size_t images = 1, rows = 0;
  std::size_t input_image_step = 0, output_image_step = 0;

  /// For each tap of a tile, where its six rows begin; of one tile, or of each.
  std::vector<std::int32_t> places;
  std::size_t places_step = 0;  ///< From one tile to the next in `places`,
  std::size_t tile_step = 0;    ///< or in the input, where all tiles share one's places.
  std::size_t depth_step = 0;   ///< From sixteen inputs to the next.

  std::size_t row_step = 0;    ///< From an output's row to the next,
  std::size_t lanes_step = 0;  ///< from sixteen columns to the next.

  bool add = false;  ///< To what the output holds.
  graph::Activation activation;

  std::size_t tiles_an_image() const { return (rows + kTileRows - 1) / kTileRows; }
  std::size_t panels() const { return (columns + kTileColumns - 1) / kTileColumns; }
  /// How many tiles all panels have together: the work that threads share out.
  std::size_t work() const { return images * tiles_an_image() * panels(); }
};

/// Whether this processor has what the loop is written for.
bool has_tiles();

/// Sums, `bias` added unless it is null, of the part `first` to `last` of the work.
void multiply_tiles(const Tiles& tiles, const float* input, const float* weights, const float* bias,
                    float* to, std::size_t first, std::size_t last);

}  // namespace torchkeep::runtime::kernels
