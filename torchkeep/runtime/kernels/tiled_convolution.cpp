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
constexpr std::int64_t kMostFloats = 1 << 30;  // of a picture, so that 32 bits count them
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

  /// The place at which the window of an output looks with one of its own, or kOutside.
  std::int64_t look(std::int64_t row, std::int64_t tap) const {
    const Space at = split(row, output), within = split(tap, window);
    std::int64_t place = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t index = at[d] * strides[d] + within[d] * dilations[d] - pads[d];
      if (index < 0 || index >= input[d]) return kOutside;
      place = place * input[d] + index;
    }
    return place;
  }

  Space input, output, window, strides, dilations, pads;
};

/// `step`: floats from a place to the next.
void place_rows(const Geometry& geometry, std::size_t step, Tiles& tiles) {
  const auto rows = static_cast<std::int64_t>(tiles.rows);
  if (geometry.is_pointwise()) {
    for (std::size_t r = 0; r < kTileRows; ++r)
      tiles.places.push_back(static_cast<std::int32_t>(r * step));
    tiles.tile_step = kTileRows * step;
    return;
  }
  tiles.places_step = tiles.taps * kTileRows;
  for (std::int64_t first = 0; first < rows; first += kTileRows) {
    for (std::int64_t tap = 0; tap < static_cast<std::int64_t>(tiles.taps); ++tap) {
      for (std::int64_t row = first; row < first + static_cast<std::int64_t>(kTileRows); ++row) {
        const std::int64_t place = row < rows ? geometry.look(row, tap) : kOutside;
        tiles.places.push_back(static_cast<std::int32_t>(
            place == kOutside ? place : place * static_cast<std::int64_t>(step)));
      }
    }
  }
}

bool is_last(const dnn::Convolution& convolution, const dnn::Layout& input) {
  return input == dnn::channels_last(convolution.input);
}

}  // namespace

bool goes_into_tiles(const dnn::Convolution& convolution) {
  if (convolution.quantised || convolution.grouped || !has_tiles()) return false;
  const auto is_empty = [](const Shape& shape) {
    return std::ranges::find(shape, 0) != shape.end();
  };
  if (is_empty(convolution.output) || is_empty(convolution.weights)) return false;
  const std::int64_t inputs = convolution.input[1], outputs = convolution.output[1];
  if (inputs % kDepth != 0 || outputs % kDepth != 0) return false;
  // Columns that only fill a panel are multiplied with as well.
  if ((kColumns - outputs % kColumns) % kColumns > outputs / 8) return false;
  const Geometry geometry(convolution);
  return count(geometry.input) <= kMostFloats / inputs &&
         count(geometry.output) <= kMostFloats / outputs &&
         (geometry.is_pointwise() || count(geometry.output) <= kMostLooks / count(geometry.window));
}

bool is_better_in_tiles(const dnn::Convolution& convolution) {
  const Geometry geometry(convolution);
  // A single place is a product of one row, for which tiles are too wide.
  return count(geometry.output) > 1 && count(geometry.output) <= kSmallPicture &&
         count(geometry.window) * convolution.input[1] >= kFewestProducts;
}

dnn::Planned tiled_layouts(const dnn::Convolution& convolution, const dnn::Layout& input) {
  const auto lie = [last = is_last(convolution, input)](const Shape& shape) {
    return last ? dnn::channels_last(shape) : dnn::channel_blocks(shape);
  };
  return {
      {}, lie(convolution.input), dnn::filter_panels(convolution.weights), lie(convolution.output)};
}

void plan_tiled_convolution(plan::Builder& builder, const dnn::Convolution& convolution,
                            const dnn::Planned& planned, const graph::Activation& activation,
                            std::vector<plan::BufferId> buffers) {
  const Geometry geometry(convolution);
  const bool last = is_last(convolution, planned.input);
  const auto places = static_cast<std::size_t>(count(geometry.input));
  Tiles tiles;
  tiles.inputs = static_cast<std::size_t>(convolution.input[1]);
  tiles.taps = static_cast<std::size_t>(count(geometry.window));
  tiles.columns = static_cast<std::size_t>(convolution.output[1]);
  tiles.panel_floats = tiles.inputs * tiles.taps * kTileColumns;
  tiles.images = static_cast<std::size_t>(convolution.output[0]);
  tiles.rows = static_cast<std::size_t>(count(geometry.output));
  tiles.input_image_step = tiles.inputs * places;
  tiles.output_image_step = tiles.columns * tiles.rows;
  place_rows(geometry, last ? tiles.inputs : kTileDepth, tiles);
  tiles.depth_step = last ? kTileDepth : places * kTileDepth;
  tiles.row_step = last ? tiles.columns : kTileDepth;
  tiles.lanes_step = last ? kTileDepth : tiles.rows * kTileDepth;
  tiles.add = convolution.epilogue.residual;
  tiles.activation = activation;
  plan_tiles(builder, tiles, convolution.bias, buffers);
}

}  // namespace torchkeep::runtime::kernels
