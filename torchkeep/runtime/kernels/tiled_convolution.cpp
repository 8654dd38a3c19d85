#include "torchkeep/runtime/kernels/tiled_convolution.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "torchkeep/runtime/kernels/tiled_step.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kDepth = kTileDepth, kColumns = kTileColumns;
constexpr std::int64_t kSmallPicture = 256;    // places of the output
constexpr std::int64_t kFewestProducts = 128;  // summed for a number of it
constexpr std::int64_t kMostPlaces = 1 << 26;  // of a picture, so that 32 bits count its floats
constexpr std::int64_t kMostLooks = 1 << 20;   // of a window at places: what a plan keeps

/// Sizes in three spatial dimensions, the missing ones 1 or what else stands for none.
using Space = std::array<std::int64_t, 3>;

Space in_space(const Shape& sizes, std::size_t from, std::int64_t missing) {
  Space space;
  space.fill(missing);
  std::copy(sizes.begin() + static_cast<std::ptrdiff_t>(from), sizes.end(),
            space.end() - static_cast<std::ptrdiff_t>(sizes.size() - from));
  return space;
}

std::int64_t count(const Space& space) { return space[0] * space[1] * space[2]; }

/// The index of a place, counted in order, along each dimension.
Space split(std::int64_t place, const Space& sizes) {
  return {place / (sizes[1] * sizes[2]), place / sizes[2] % sizes[1], place % sizes[2]};
}

struct Geometry {
  explicit Geometry(const dnn::Convolution& from)
      : input(in_space(from.input, 2, 1)),
        output(in_space(from.output, 2, 1)),
        window(in_space(from.weights, 2, 1)),
        strides(in_space(from.strides, 0, 1)),
        dilations(in_space(from.dilations, 0, 1)),
        pads(in_space(from.pads_begin, 0, 0)) {}

  /// Each output has its number from the input of the same place.
  bool is_pointwise() const { return count(window) == 1 && input == output && pads == Space{}; }

  /// Where the window of an output looks with one of its places.
  std::int32_t look(std::int64_t row, std::int64_t tap) const {
    const Space at = split(row, output), within = split(tap, window);
    std::int64_t place = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t index = at[d] * strides[d] + within[d] * dilations[d] - pads[d];
      if (index < 0 || index >= input[d]) return kOutside;
      place = place * input[d] + index;
    }
    return static_cast<std::int32_t>(place * kDepth);
  }

  Space input, output, window, strides, dilations, pads;
};

void place_rows(const Geometry& geometry, Tiles& tiles) {
  const auto rows = static_cast<std::int64_t>(tiles.rows);
  if (geometry.is_pointwise()) {
    for (std::int32_t r = 0; r < static_cast<std::int32_t>(kTileRows); ++r)
      tiles.places.push_back(r * static_cast<std::int32_t>(kDepth));
    tiles.tile_step = kTileRows * kTileDepth;
    return;
  }
  tiles.places_step = tiles.taps * kTileRows;
  for (std::int64_t first = 0; first < rows; first += kTileRows) {
    for (std::int64_t tap = 0; tap < static_cast<std::int64_t>(tiles.taps); ++tap) {
      for (std::int64_t row = first; row < first + static_cast<std::int64_t>(kTileRows); ++row)
        tiles.places.push_back(row < rows ? geometry.look(row, tap) : kOutside);
    }
  }
}

}  // namespace

bool goes_into_tiles(const dnn::Convolution& convolution) {
  if (convolution.quantised || convolution.grouped || !has_tiles()) return false;
  if (std::ranges::find(convolution.output, 0) != convolution.output.end()) return false;
  const std::int64_t inputs = convolution.input[1], outputs = convolution.output[1];
  if (inputs % kDepth != 0 || outputs % kDepth != 0) return false;
  // Columns that only fill a panel are multiplied with as well.
  if ((kColumns - outputs % kColumns) % kColumns > outputs / 8) return false;
  const Geometry geometry(convolution);
  return count(geometry.input) <= kMostPlaces && count(geometry.output) <= kMostPlaces &&
         (geometry.is_pointwise() || count(geometry.output) <= kMostLooks / count(geometry.window));
}

bool is_better_in_tiles(const dnn::Convolution& convolution, const dnn::Layout& input) {
  if (!input.is_plain() && input != dnn::channel_blocks(convolution.input)) return false;
  const Geometry geometry(convolution);
  // A single place is a product of one row, for which tiles are too wide.
  return count(geometry.output) > 1 && count(geometry.output) <= kSmallPicture &&
         count(geometry.window) * convolution.input[1] >= kFewestProducts;
}

dnn::Planned tiled_layouts(const dnn::Convolution& convolution) {
  return {{},
          dnn::channel_blocks(convolution.input),
          dnn::filter_panels(convolution.weights),
          dnn::channel_blocks(convolution.output)};
}

void plan_tiled_convolution(plan::Builder& builder, const dnn::Convolution& convolution,
                            const graph::Activation& activation,
                            std::vector<plan::BufferId> buffers) {
  const Geometry geometry(convolution);
  const auto pictures = static_cast<std::size_t>(count(geometry.input));
  Tiles tiles;
  tiles.inputs = static_cast<std::size_t>(convolution.input[1]);
  tiles.taps = static_cast<std::size_t>(count(geometry.window));
  tiles.columns = static_cast<std::size_t>(convolution.output[1]);
  tiles.panel_floats = tiles.inputs * tiles.taps * kTileColumns;
  tiles.images = static_cast<std::size_t>(convolution.output[0]);
  tiles.rows = static_cast<std::size_t>(count(geometry.output));
  tiles.input_image_step = tiles.inputs * pictures;
  tiles.output_image_step = tiles.columns * tiles.rows;
  place_rows(geometry, tiles);
  tiles.depth_step = pictures * kTileDepth;
  tiles.row_step = kTileDepth;
  tiles.lanes_step = tiles.rows * kTileDepth;
  tiles.add = convolution.epilogue.residual;
  tiles.activation = activation;
  plan_tiles(builder, std::move(tiles), convolution.bias, std::move(buffers));
}

}  // namespace torchkeep::runtime::kernels
