#include <algorithm>
#include <cstring>
#include <limits>

#include "torchkeep/runtime/kernels/attend.h"
#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/processor.h"

// Scores lie as [keys, queries], so that everything a softmax does to a query happens in a lane of
// its own, and neither keys nor values are copied.
namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kKeys = 64;  // that are scored before values are mixed
constexpr std::int64_t kRows = 4;   // whose sums stay in registers
constexpr float kNothing = -std::numeric_limits<float>::infinity();

/// Scratch memory of one block of queries, `side` of them.
struct Block {
  std::int64_t side;
  float* turned;   // [width, side]
  float* scores;   // [kKeys, side]
  float* sums;     // [side, value width]
  float* largest;  // [side], and so on
  float* totals;
  float* fading;
};

Block block_of(const Attend& attend, float* scratch, std::int64_t side) {
  Block block{side, scratch, nullptr, nullptr, nullptr, nullptr, nullptr};
  block.scores = block.turned + attend.width * side;
  block.sums = block.scores + kKeys * side;
  block.largest = block.sums + side * attend.value_width;
  block.totals = block.largest + side;
  block.fading = block.totals + side;
  return block;
}

/// scores[k][q] of `kSome` keys.
template <std::int64_t kSome, std::int64_t kGroups>
[[gnu::always_inline]] inline void score_keys(const float* turned, const float* keys,
                                              std::int64_t step, std::int64_t width,
                                              float* scores) {
  Lanes sums[kSome][kGroups] = {};
  for (std::int64_t i = 0; i < width; ++i) {
    Lanes from[kGroups];
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kGroups; ++g)
      load_lanes(from[g], turned + (i * kGroups + g) * kLanes);
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < kSome; ++k) {
      const float one = keys[k * step + i];
#pragma GCC unroll 4
      for (std::int64_t g = 0; g < kGroups; ++g) sums[k][g] += one * from[g];
    }
  }
#pragma GCC unroll 4
  for (std::int64_t k = 0; k < kSome; ++k) {
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kGroups; ++g)
      store_lanes(scores + (k * kGroups + g) * kLanes, sums[k][g]);
  }
}

/// Scale and masks; `start` is the first key, `first` the first query of the block.
template <std::int64_t kSide>
[[gnu::always_inline]] inline void mask_scores(const Attend& attend, const AttendPlane& plane,
                                               float* scores, std::int64_t start,
                                               std::int64_t count, std::int64_t first,
                                               std::int64_t queries) {
  const std::int64_t row = attend.mask_rows.row;
  const bool kept = attend.mask == AttendMask::ReplacedNot;
  const float other = attend.replacement;
  for (std::int64_t k = 0; k < count; ++k) {
    float* to = scores + k * kSide;
    for (std::int64_t q = 0; q < kSide; ++q) to[q] *= attend.scale;
    if (attend.cap != 0) {
      for (std::int64_t q = 0; q < kSide; ++q) to[q] = attend.cap * fast_tanh(to[q] / attend.cap);
    }
    const std::int64_t place = first * row + (start + k) * attend.mask_column;
    if (plane.added != nullptr) {
      const float* from = plane.added + place;
      if (row == 0) {
        for (std::int64_t q = 0; q < kSide; ++q) to[q] += from[0];
      } else {
        for (std::int64_t q = 0; q < queries; ++q) to[q] += from[q * row];
      }
    }
    if (plane.truths != nullptr) {
      const Truth* from = plane.truths + place;
      for (std::int64_t q = 0; q < queries; ++q)
        to[q] = is_true(from[q * row]) == kept ? to[q] : other;
    }
    if (attend.causal) {
      const std::int64_t unseen = start + k - *attend.causal - first;
      for (std::int64_t q = 0; q < std::min(queries, unseen); ++q) to[q] = kNothing;
    }
  }
}

/// From scores to weights; what is summed up so far has to fade by `fading`.
template <std::int64_t kSide>
[[gnu::always_inline]] inline void bend(const Block& block, std::int64_t count) {
  float top[kSide], total[kSide];
  std::memcpy(top, block.largest, sizeof top);
  for (std::int64_t k = 0; k < count; ++k) {
    const float* from = block.scores + k * kSide;
    for (std::int64_t q = 0; q < kSide; ++q) top[q] = from[q] > top[q] ? from[q] : top[q];
  }
  for (std::int64_t q = 0; q < kSide; ++q) {
    const float around = top[q] == kNothing ? 0 : top[q];
    block.fading[q] = fast_exp(block.largest[q] - around);
    total[q] = block.totals[q] * block.fading[q];
    block.largest[q] = top[q];
    top[q] = around;
  }
  for (std::int64_t k = 0; k < count; ++k) {
    float* to = block.scores + k * kSide;
    for (std::int64_t q = 0; q < kSide; ++q) {
      to[q] = fast_exp(to[q] - top[q]);
      total[q] += to[q];
    }
  }
  std::memcpy(block.totals, total, sizeof total);
}

/// sums[q][j...] of `kSome` queries and `kGroups` lanes of columns.
template <std::int64_t kSome, std::int64_t kGroups>
[[gnu::always_inline]] inline void mix(const float* weights, std::int64_t side, const float* values,
                                       std::int64_t step, std::int64_t count, const float* fading,
                                       float* to, std::int64_t to_step) {
  Lanes sums[kSome][kGroups];
#pragma GCC unroll 4
  for (std::int64_t q = 0; q < kSome; ++q) {
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kGroups; ++g) {
      load_lanes(sums[q][g], to + q * to_step + g * kLanes);
      sums[q][g] *= fading[q];
    }
  }
  for (std::int64_t k = 0; k < count; ++k) {
    Lanes from[kGroups];
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kGroups; ++g) load_lanes(from[g], values + k * step + g * kLanes);
#pragma GCC unroll 4
    for (std::int64_t q = 0; q < kSome; ++q) {
      const float one = weights[k * side + q];
#pragma GCC unroll 4
      for (std::int64_t g = 0; g < kGroups; ++g) sums[q][g] += one * from[g];
    }
  }
#pragma GCC unroll 4
  for (std::int64_t q = 0; q < kSome; ++q) {
#pragma GCC unroll 4
    for (std::int64_t g = 0; g < kGroups; ++g)
      store_lanes(to + q * to_step + g * kLanes, sums[q][g]);
  }
}

[[gnu::always_inline]] inline void mix_block(const Attend& attend, const Block& block,
                                             const float* values, std::int64_t count) {
  const std::int64_t width = attend.value_width, step = attend.value.row;
  for (std::int64_t q = 0; q < block.side; q += kRows) {
    float* to = block.sums + q * width;
    const float* weights = block.scores + q;
    std::int64_t j = 0;
    for (; j + 4 * kLanes <= width; j += 4 * kLanes)
      mix<kRows, 4>(weights, block.side, values + j, step, count, block.fading + q, to + j, width);
    for (; j + kLanes <= width; j += kLanes)
      mix<kRows, 1>(weights, block.side, values + j, step, count, block.fading + q, to + j, width);
    for (; j < width; ++j) {
      for (std::int64_t r = 0; r < kRows; ++r) {
        float sum = block.fading[q + r] * to[r * width + j];
        for (std::int64_t k = 0; k < count; ++k)
          sum += weights[k * block.side + r] * values[k * step + j];
        to[r * width + j] = sum;
      }
    }
  }
}

template <std::int64_t kGroups>
[[gnu::always_inline]] inline void attend_block(const Attend& attend, const AttendPlane& plane,
                                                std::int64_t first, std::int64_t last) {
  constexpr std::int64_t kSide = kGroups * kLanes;
  const std::int64_t queries = last - first;
  const Block block = block_of(attend, plane.scratch, kSide);
  for (std::int64_t i = 0; i < attend.width; ++i) {
    float* to = block.turned + i * kSide;
    for (std::int64_t q = 0; q < queries; ++q)
      to[q] = plane.query[(first + q) * attend.query.row + i];
    std::fill(to + queries, to + kSide, 0.0F);
  }
  std::fill_n(block.sums, kSide * attend.value_width, 0.0F);
  std::fill_n(block.largest, kSide, kNothing);
  std::fill_n(block.totals, kSide, 0.0F);
  // Keys that no query of the block sees need no looking at.
  const std::int64_t seen =
      attend.causal ? std::clamp<std::int64_t>(last + *attend.causal, 0, attend.keys) : attend.keys;
  for (std::int64_t start = 0; start < seen; start += kKeys) {
    const std::int64_t count = std::min(kKeys, seen - start);
    const float* keys = plane.key + start * attend.key.row;
    std::int64_t k = 0;
    for (; k + kRows <= count; k += kRows)
      score_keys<kRows, kGroups>(block.turned, keys + k * attend.key.row, attend.key.row,
                                 attend.width, block.scores + k * kSide);
    for (; k < count; ++k)
      score_keys<1, kGroups>(block.turned, keys + k * attend.key.row, attend.key.row, attend.width,
                             block.scores + k * kSide);
    mask_scores<kSide>(attend, plane, block.scores, start, count, first, queries);
    bend<kSide>(block, count);
    mix_block(attend, block, plane.value + start * attend.value.row, count);
  }
  for (std::int64_t q = 0; q < queries; ++q) {
    const float factor = block.totals[q] == 0 && attend.zero_if_unseen ? 0 : 1 / block.totals[q];
    const float* from = block.sums + q * attend.value_width;
    float* to = plane.output + (first + q) * attend.output.row;
    for (std::int64_t j = 0; j < attend.value_width; ++j) to[j] = from[j] * factor;
  }
}

[[gnu::always_inline]] inline void attend_some(const Attend* attend, const AttendPlane* plane,
                                               std::int64_t first, std::int64_t last) {
  if (last - first <= kLanes)
    attend_block<1>(*attend, *plane, first, last);
  else
    attend_block<4>(*attend, *plane, first, last);
}

}  // namespace

std::size_t side_by_side_floats(const Attend& attend) {
  return static_cast<std::size_t>(kSideBySide * (attend.width + kKeys + attend.value_width + 3));
}

void attend_side_by_side(const Attend& attend, const AttendPlane& plane, std::int64_t first,
                         std::int64_t last) {
  run_compiled<attend_some>(&attend, &plane, first, last);
}

}  // namespace torchkeep::runtime::kernels
