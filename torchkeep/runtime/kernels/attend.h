#pragma once

#include "torchkeep/runtime/kernels/types.h"

/// Attention in one pass over the keys: softmax(scale * queries x keys + mask) x values, where no
/// row of scores is ever whole in memory. Heads are read and written wherever they lie.
namespace torchkeep::runtime::kernels {

/// Where a tensor's rows lie: in elements, one stride for each batch dimension, which may be 0 to
/// share, and one for rows. A row's elements are neighbours.
struct AttendRows {
  std::vector<std::int64_t> batch;
  std::int64_t row = 0;
};

enum class AttendMask {
  None,
  Added,        ///< A number is added to each score.
  Replaced,     ///< A score where there is a truth becomes `replacement`,
  ReplacedNot,  ///< or one where there is none.
};

struct Attend {
  Shape batch;  ///< Dimensions that are walked, heads among them.
  std::int64_t queries = 0, keys = 0;
  std::int64_t width = 0, value_width = 0;
  AttendRows query, key, value, output;
  float scale = 1;
  float cap = 0;  ///< Scores become cap * tanh(score / cap) before they are masked; 0: they stay.
  std::optional<std::int64_t> causal;  ///< Query i sees keys 0 to i + this.
  AttendMask mask = AttendMask::None;
  AttendRows mask_rows;  ///< Of queries.
  std::int64_t mask_column = 0;
  float replacement = 0;
  bool zero_if_unseen = false;  ///< A query that sees nothing becomes 0, not NaN.

  std::size_t planes() const;
  double flops() const;
};

/// Scratch memory for a pool of that many threads.
std::uint64_t attend_scratch_bytes(const Attend& attend, int threads);

/// Memory order: query, key, value, mask if any, output, scratch.
plan::Action attend_action(const Attend& attend);

/// One plane as the loops see it.
struct AttendPlane {
  const float *query, *key, *value;
  const float* added;   ///< Null without a mask of numbers.
  const Truth* truths;  ///< Null without a mask of truths.
  float* output;
  float* scratch;
};

/// From how many queries on they are worked on sixteen or more side by side.
inline constexpr std::int64_t kFewestSideBySide = 5;

/// Queries `first` to `last`, each by itself: for decoding, where there is one.
/// Scratch: `keys` floats.
void attend_one_by_one(const Attend& attend, const AttendPlane& plane, std::int64_t first,
                       std::int64_t last);

/// The most queries that are worked on side by side.
inline constexpr std::int64_t kSideBySide = 64;
std::size_t side_by_side_floats(const Attend& attend);
/// Queries `first` to `last`, at most kSideBySide, side by side.
void attend_side_by_side(const Attend& attend, const AttendPlane& plane, std::int64_t first,
                         std::int64_t last);

}  // namespace torchkeep::runtime::kernels
