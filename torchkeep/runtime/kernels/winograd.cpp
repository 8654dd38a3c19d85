#include "torchkeep/runtime/kernels/winograd.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/curves.h"
#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/limits.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kSide = 4;  // inputs that a patch looks at along each side
constexpr std::size_t kDepth = kTileDepth;
// Between one point's numbers and the next one's, so that a patch's sixteen do not lie a power of
// two apart, in the same places of the cache.
constexpr std::size_t kGap = 32;

/// Where a patch's first input lies, which padding may put outside.
struct Corner {
  std::size_t image;
  std::ptrdiff_t top, left;
};

Corner corner_of(const Winograd& w, std::size_t patch) {
  const std::size_t within = patch % w.patches_an_image();
  return {patch / w.patches_an_image(),
          static_cast<std::ptrdiff_t>(within / w.patches_across() * kPatch) - w.pad_top,
          static_cast<std::ptrdiff_t>(within % w.patches_across() * kPatch) - w.pad_left};
}

/// Sixteen channels of what a patch looks at.
using Square = Lanes[kSide][kSide];

/// B^T d of a column or a row of the square.
[[gnu::always_inline]] inline void spread(Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  const Lanes sum = b + c, difference = c - b;
  a = a - c;
  d = b - d;
  b = sum;
  c = difference;
}

template <bool kInside>
[[gnu::always_inline]] inline void load_square(const Winograd& w, const float* input,
                                               const Corner& corner, Square& square) {
#pragma GCC unroll 4
  for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(kSide); ++i) {
#pragma GCC unroll 4
    for (std::ptrdiff_t j = 0; j < static_cast<std::ptrdiff_t>(kSide); ++j) {
      const std::ptrdiff_t y = corner.top + i, x = corner.left + j;
      if (!kInside && (y < 0 || y >= static_cast<std::ptrdiff_t>(w.input_height) || x < 0 ||
                       x >= static_cast<std::ptrdiff_t>(w.input_width))) {
        square[i][j] = Lanes{};
      } else {
        const std::ptrdiff_t place = y * static_cast<std::ptrdiff_t>(w.input_width) + x;
        load_lanes(square[i][j], input + static_cast<std::size_t>(place) * w.input_place_step);
      }
    }
  }
}

/// B^T d B of one patch, all channels. `input` is the patch's image.
template <bool kInside>
[[gnu::always_inline]] inline void spread_patch(const Winograd& w, const float* input,
                                                const Corner& corner, float* to,
                                                std::size_t point_step) {
  for (std::size_t depth = 0; depth < w.inputs / kDepth; ++depth) {
    Square square;
    load_square<kInside>(w, input + depth * w.input_depth_step, corner, square);
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kSide; ++j)
      spread(square[0][j], square[1][j], square[2][j], square[3][j]);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kSide; ++i) {
      spread(square[i][0], square[i][1], square[i][2], square[i][3]);
#pragma GCC unroll 4
      for (std::size_t j = 0; j < kSide; ++j)
        store_lanes(to + (i * kSide + j) * point_step + depth * kDepth, square[i][j]);
    }
  }
}

/// Some patches in the order in which they are counted.
struct Block {
  std::size_t first, count;
};

Block block_of(const Winograd& w, std::size_t block) {
  const std::size_t first = block * w.block_patches;
  return {first, std::min(w.block_patches, w.patches() - first)};
}

std::size_t spread_step(const Winograd& w) { return w.block_patches * w.inputs + kGap; }
std::size_t product_step(const Winograd& w) { return w.block_patches * kTileColumns + kGap; }

/// Point by point a row of all channels for each patch.
[[gnu::target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")]] void spread_block(
    const Winograd& w, const float* input, const Block& block, float* to) {
  const std::size_t image_floats = w.input_height * w.input_width * w.inputs;
  const auto bottom = static_cast<std::ptrdiff_t>(w.input_height),
             right = static_cast<std::ptrdiff_t>(w.input_width);
  constexpr auto kSides = static_cast<std::ptrdiff_t>(kSide);
  for (std::size_t p = 0; p < block.count; ++p) {
    const Corner corner = corner_of(w, block.first + p);
    const float* image = input + corner.image * image_floats;
    if (corner.top >= 0 && corner.left >= 0 && corner.top + kSides <= bottom &&
        corner.left + kSides <= right)
      spread_patch<true>(w, image, corner, to + p * w.inputs, spread_step(w));
    else
      spread_patch<false>(w, image, corner, to + p * w.inputs, spread_step(w));
  }
}

/// Point by point, the patches' channels times the panel's filters.
void multiply_points(const Winograd& w, const Tiles& product, const float* patches,
                     const float* filters, float* to) {
  for (std::size_t point = 0; point < kPoints; ++point) {
    multiply_tiles(product, patches + point * spread_step(w),
                   filters + point * w.inputs * kTileColumns, nullptr, to + point * product_step(w),
                   0, product.work());
  }
}

/// A^T m of a column or a row of the square, into its first two.
[[gnu::always_inline]] inline void gather(Lanes& a, Lanes& b, const Lanes& c, const Lanes& d) {
  const Lanes first = a + b + c, second = b - c - d;
  a = first;
  b = second;
}

/// What is done to sixteen channels of a patch before they are stored.
struct Finish {
  Lanes bias;
  bool add;
  Limits limits;
  const graph::Activation* curve;  // null: none
};

/// A^T m A of sixteen channels, and what follows; of a patch at an edge as much as there is.
[[gnu::always_inline]] inline void gather_patch(const float* points, std::size_t point_step,
                                                const Finish& finish, float* to,
                                                std::size_t row_step, std::size_t place_step,
                                                std::size_t rows, std::size_t columns) {
  Square square;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kSide; ++i) {
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kSide; ++j)
      load_lanes(square[i][j], points + (i * kSide + j) * point_step);
    gather(square[i][0], square[i][1], square[i][2], square[i][3]);
  }
#pragma GCC unroll 2
  for (std::size_t j = 0; j < kPatch; ++j)
    gather(square[0][j], square[1][j], square[2][j], square[3][j]);
#pragma GCC unroll 2
  for (std::size_t i = 0; i < kPatch; ++i) {
#pragma GCC unroll 2
    for (std::size_t j = 0; j < kPatch; ++j) {
      if (i >= rows || j >= columns) continue;
      float* place = to + i * row_step + j * place_step;
      Lanes sum = square[i][j] + finish.bias;
      if (finish.add) {
        Lanes before;
        load_lanes(before, place);
        sum += before;
      }
      if (finish.limits.any) {  // in this order what is no number stays none
        sum = sum < finish.limits.low ? Lanes{} + finish.limits.low : sum;
        sum = sum > finish.limits.high ? Lanes{} + finish.limits.high : sum;
      }
      store_lanes(place, sum);
      if (finish.curve != nullptr) bend(*finish.curve, {place, kDepth});
    }
  }
}

/// The panel's channels of all patches, from the points' products to their places.
[[gnu::target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")]] void gather_block(
    const Winograd& w, const Block& block, const float* products, const float* bias, float* to,
    std::size_t panel) {
  const std::size_t first = panel * kTileColumns,
                    columns = std::min(kTileColumns, w.outputs - first);
  const std::size_t image_floats = w.output_height * w.output_width * w.outputs;
  for (std::size_t p = 0; p < block.count; ++p) {
    const std::size_t patch = block.first + p, within = patch % w.patches_an_image(),
                      top = within / w.patches_across() * kPatch,
                      left = within % w.patches_across() * kPatch;
    float* corner = to + patch / w.patches_an_image() * image_floats +
                    (top * w.output_width + left) * w.output_place_step +
                    first / kDepth * w.output_depth_step;
    const std::size_t rows = std::min(kPatch, w.output_height - top),
                      across = std::min(kPatch, w.output_width - left);
    for (std::size_t k = 0; k < columns / kDepth; ++k) {
      Finish finish{
          {}, w.add, limits_of(w.activation), is_curve(w.activation) ? &w.activation : nullptr};
      if (bias != nullptr) load_lanes(finish.bias, bias + first + k * kDepth);
      gather_patch(products + p * kTileColumns + k * kDepth, product_step(w), finish,
                   corner + k * w.output_depth_step, w.output_width * w.output_place_step,
                   w.output_place_step, rows, across);
    }
  }
}

}  // namespace

std::size_t Winograd::scratch_floats() const {
  return kPoints * (spread_step(*this) + product_step(*this));
}

WinogradThread::WinogradThread(const Winograd& winograd) {
  product.inputs = winograd.inputs;
  product.columns = kTileColumns;
  for (std::size_t r = 0; r < kTileRows; ++r)
    product.places.push_back(static_cast<std::int32_t>(r * winograd.inputs));
  product.tile_step = kTileRows * winograd.inputs;
  product.depth_step = kDepth;
  product.row_step = kTileColumns;
  product.lanes_step = kDepth;
}

void convolve_patches(const Winograd& winograd, const float* input, const float* filters,
                      const float* bias, float* to, std::size_t piece, WinogradThread& thread) {
  const std::size_t panel = piece % winograd.panels(), index = piece / winograd.panels();
  const Block block = block_of(winograd, index);
  float* const products = thread.scratch + kPoints * spread_step(winograd);
  if (thread.block != index) {
    spread_block(winograd, input, block, thread.scratch);
    thread.block = index;
  }
  thread.product.rows = block.count;
  multiply_points(winograd, thread.product, thread.scratch,
                  filters + panel * kPoints * winograd.inputs * kTileColumns, products);
  gather_block(winograd, block, products, bias, to, panel);
}

}  // namespace torchkeep::runtime::kernels
