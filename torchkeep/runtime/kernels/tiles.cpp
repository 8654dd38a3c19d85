#include "torchkeep/runtime/kernels/tiles.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/curves.h"
#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/limits.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kLanesATile = kTileColumns / kLanes;
constexpr std::size_t kFloatsADepth = kTileDepth * kTileColumns;
// Rows of a panel that are multiplied with before the next tile: 192 KiB, of which the second-level
// cache holds two, and the rows' inputs.
constexpr std::size_t kDeepest = 768;
constexpr std::size_t kTilesAtOnce = 42;  // 252 rows, whose inputs that cache holds as well
constexpr std::size_t kAhead = 8;         // rows of weights on their way to the first-level cache
// A line that another core has read takes this one long to write: deep tiles, which have the time,
// ask for theirs before they sum. Shallow ones lose more by asking.
constexpr std::size_t kOwningSteps = 512;

alignas(64) constexpr float kPadding[kTileDepth] = {};

/// One tile's part of one panel, as deep as one pass goes.
struct Pass {
  const float* weights;
  const float* input;
  const std::int32_t* places;
  std::size_t taps, depths, rest;  ///< Sixteens of inputs, and what is left of them.
  std::size_t depth_step;
  const float* bias;  ///< Null: none, or it was added by an earlier pass.
  bool add;           ///< To what `to` holds.
  bool limit;
  float low, high;
  float* to;
  std::size_t row_step, lanes_step;
  bool owns;               ///< Whether what `to` names is fetched to be written before it is.
  const char* fetched;     ///< What is wanted in the second-level cache next,
  std::size_t fetch_step;  ///< so many bytes for each row of weights.
};

template <std::size_t kRows>
struct Sums {
  Lanes of[kRows][kLanesATile];
};

/// One row of weights times one input of each row.
template <std::size_t kRows>
[[gnu::always_inline]] inline void add_row(Sums<kRows>& sums, const float*& weights,
                                           const float* const (&rows)[kRows], std::size_t i,
                                           const char*& fetched, std::size_t fetch_step) {
  Lanes columns[kLanesATile];
#pragma GCC unroll 4
  for (std::size_t k = 0; k < kLanesATile; ++k) {
    load_lanes(columns[k], weights + k * kLanes);
    __builtin_prefetch(weights + kAhead * kTileColumns + k * kLanes, 0, 3);
  }
  weights += kTileColumns;
#pragma GCC unroll 6
  for (std::size_t r = 0; r < kRows; ++r) {
    const float one = rows[r][i];
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesATile; ++k) sums.of[r][k] += one * columns[k];
  }
  __builtin_prefetch(fetched, 0, 2);
  fetched += fetch_step;
}

template <std::size_t kRows>
[[gnu::always_inline]] inline void sum_tile(const Pass& pass) {
  Sums<kRows> sums;
  if (pass.owns) {
#pragma GCC unroll 6
    for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (std::size_t k = 0; k < kLanesATile; ++k)
        __builtin_prefetch(pass.to + r * pass.row_step + k * pass.lanes_step, 1, 3);
    }
  }
#pragma GCC unroll 6
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesATile; ++k) {
      Lanes start = {};
      if (pass.bias != nullptr) load_lanes(start, pass.bias + k * kLanes);
      if (pass.add) {
        Lanes before;
        load_lanes(before, pass.to + r * pass.row_step + k * pass.lanes_step);
        start += before;
      }
      sums.of[r][k] = start;
    }
  }
  const float* weights = pass.weights;
  const float* input = pass.input;
  const char* fetched = pass.fetched;
  const float* rows[kRows];
  for (std::size_t depth = 0; depth < pass.depths; ++depth, input += pass.depth_step) {
    for (std::size_t tap = 0; tap < pass.taps; ++tap) {
#pragma GCC unroll 6
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::int32_t place = pass.places[tap * kTileRows + r];
        rows[r] = place == kOutside ? kPadding : input + place;
      }
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kTileDepth; ++i)
        add_row<kRows>(sums, weights, rows, i, fetched, pass.fetch_step);
    }
  }
  if (pass.rest > 0) {  // of the only tap
#pragma GCC unroll 6
    for (std::size_t r = 0; r < kRows; ++r) rows[r] = input + pass.places[r];
    for (std::size_t i = 0; i < pass.rest; ++i)
      add_row<kRows>(sums, weights, rows, i, fetched, pass.fetch_step);
  }
#pragma GCC unroll 6
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kLanesATile; ++k) {
      Lanes sum = sums.of[r][k];
      if (pass.limit) {  // in this order what is no number stays none
        sum = sum < pass.low ? Lanes{} + pass.low : sum;
        sum = sum > pass.high ? Lanes{} + pass.high : sum;
      }
      store_lanes(pass.to + r * pass.row_step + k * pass.lanes_step, sum);
    }
  }
}

[[gnu::target("avx512f,avx512dq,avx512vl,prfchw,prefer-vector-width=512")]] void sum_rows(
    const Pass& pass, std::size_t rows) {
  switch (rows) {
    case 1: return sum_tile<1>(pass);
    case 2: return sum_tile<2>(pass);
    case 3: return sum_tile<3>(pass);
    case 4: return sum_tile<4>(pass);
    case 5: return sum_tile<5>(pass);
    default: return sum_tile<6>(pass);
  }
}

/// A tile whose last columns are not there, in memory that has them.
class Narrow {
 public:
  Narrow(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows) {}

  void sum(Pass pass) {
    const Pass wanted = pass;
    pass.to = sums_;
    pass.row_step = kTileColumns;
    pass.lanes_step = kLanes;
    if (pass.bias != nullptr) {
      std::copy_n(wanted.bias, columns_, bias_);
      pass.bias = bias_;
    }
    if (pass.add)
      each_piece(wanted,
                 [](float* outer, float* inner, std::size_t n) { std::copy_n(outer, n, inner); });
    sum_rows(pass, rows_);
    each_piece(wanted,
               [](float* outer, float* inner, std::size_t n) { std::copy_n(inner, n, outer); });
  }

 private:
  template <typename Copy>
  void each_piece(const Pass& pass, Copy copy) {
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t start = 0; start < columns_; start += kLanes) {
        copy(pass.to + r * pass.row_step + start / kLanes * pass.lanes_step,
             sums_ + r * kTileColumns + start, std::min<std::size_t>(kLanes, columns_ - start));
      }
    }
  }

  std::size_t columns_, rows_;
  alignas(64) float sums_[kTileRows * kTileColumns] = {};
  alignas(64) float bias_[kTileColumns] = {};
};

/// The curves that a tile's store has no instructions for, in pieces as long as its rows are.
void bend_tile(const Tiles& tiles, float* to, std::size_t rows, std::size_t columns) {
  const std::size_t most = tiles.lanes_step == kLanes ? kTileColumns : kLanes;
  for (std::size_t start = 0; start < columns; start += most) {
    const std::size_t count = std::min(most, columns - start);
    float* piece = to + start / kLanes * tiles.lanes_step;
    if (tiles.row_step == count) {
      bend(tiles.activation, {piece, rows * count});
    } else {
      for (std::size_t r = 0; r < rows; ++r)
        bend(tiles.activation, {piece + r * tiles.row_step, count});
    }
  }
}

/// Tiles of all images that go through the panels together, and which of them.
struct Group {
  std::size_t begin, count, first, last;
};

void multiply_panel(const Tiles& tiles, const float* input, const float* weights, const float* bias,
                    float* to, std::size_t panel, const Group& group) {
  const std::size_t start = panel * kTileColumns,
                    columns = std::min(kTileColumns, tiles.columns - start);
  const std::size_t depths = tiles.inputs / kTileDepth, rest = tiles.inputs % kTileDepth;
  const std::size_t most = std::max<std::size_t>(kDeepest / (kTileDepth * tiles.taps), 1);
  const Limits limits = limits_of(tiles.activation);
  const bool bends = is_curve(tiles.activation);
  // What the tiles of this pass read is read again by each; the next panel lies behind this one.
  // Each tile fetches a part of it, also where the group's tiles come in several calls.
  const std::size_t fetch_step =
      std::min<std::size_t>(64, (kTileColumns * sizeof(float) + group.count - 1) / group.count);
  std::size_t depth = 0;
  do {
    Pass pass{};
    pass.taps = tiles.taps;
    pass.depths = std::min(most, depths - depth);
    const bool is_last = depth + pass.depths == depths;
    pass.rest = is_last ? rest : 0;
    pass.depth_step = tiles.depth_step;
    pass.weights = weights + panel * tiles.panel_floats + depth * tiles.taps * kFloatsADepth;
    pass.bias = depth == 0 && bias != nullptr ? bias + start : nullptr;
    pass.add = tiles.add || depth > 0;
    pass.limit = is_last && limits.any;
    pass.low = limits.low;
    pass.high = limits.high;
    pass.row_step = tiles.row_step;
    pass.lanes_step = tiles.lanes_step;
    const std::size_t steps = pass.depths * tiles.taps * kTileDepth + pass.rest;
    pass.owns = steps >= kOwningSteps;
    pass.fetched = reinterpret_cast<const char*>(
        is_last ? weights + (panel + 1) * tiles.panel_floats : pass.weights + steps * kTileColumns);
    pass.fetched += (group.first - group.begin) * steps * fetch_step;
    pass.fetch_step = fetch_step;
    for (std::size_t t = group.first; t < group.last; ++t) {
      const std::size_t image = t / tiles.tiles_an_image(), tile = t % tiles.tiles_an_image(),
                        rows = std::min(kTileRows, tiles.rows - tile * kTileRows);
      pass.input = input + image * tiles.input_image_step + tile * tiles.tile_step +
                   depth * tiles.depth_step;
      pass.places = tiles.places.data() + tile * tiles.places_step;
      pass.to = to + image * tiles.output_image_step + tile * kTileRows * tiles.row_step +
                panel * kLanesATile * tiles.lanes_step;
      if (columns == kTileColumns)
        sum_rows(pass, rows);
      else
        Narrow(columns, rows).sum(pass);
      if (is_last && bends) bend_tile(tiles, pass.to, rows, columns);
      pass.fetched += steps * fetch_step;
    }
    depth += pass.depths;
  } while (depth < depths);
}

}  // namespace

bool has_tiles() { return has_wide_vectors(); }

void multiply_tiles(const Tiles& tiles, const float* input, const float* weights, const float* bias,
                    float* to, std::size_t first, std::size_t last) {
  // The work in order: some tiles, as many as go into the cache, with one panel after the other,
  // then the next tiles.
  const std::size_t all = tiles.images * tiles.tiles_an_image(), panels = tiles.panels();
  while (first < last) {
    const std::size_t begin = first / (kTilesAtOnce * panels) * kTilesAtOnce,
                      count = std::min(kTilesAtOnce, all - begin), within = first - begin * panels;
    const std::size_t panel = within / count, tile = within % count,
                      some = std::min(count - tile, last - first);
    multiply_panel(tiles, input, weights, bias, to, panel,
                   {begin, count, begin + tile, begin + tile + some});
    first += some;
  }
}

}  // namespace torchkeep::runtime::kernels
