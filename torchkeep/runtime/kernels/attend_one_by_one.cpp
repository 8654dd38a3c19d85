#include <algorithm>
#include <limits>

#include "torchkeep/runtime/kernels/attend.h"
#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/lanes.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

[[gnu::always_inline]] inline float sum_of(const Lanes& lanes) {
  float all[kLanes];
  store_lanes(all, lanes);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half; ++i) all[i] += all[i + half];
  }
  return all[0];
}

/// scores[k] = query x key k.
[[gnu::always_inline]] inline void score(const float* query, const float* keys, std::int64_t step,
                                         std::int64_t count, std::int64_t width, float* scores) {
  const std::int64_t whole = width / kLanes * kLanes;
  std::int64_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const float *one = keys + k * step, *two = one + step, *three = two + step,
                *four = three + step;
    Lanes first = {}, second = {}, third = {}, fourth = {};
    for (std::int64_t i = 0; i < whole; i += kLanes) {
      Lanes x, y1, y2, y3, y4;
      load_lanes(x, query + i);
      load_lanes(y1, one + i);
      load_lanes(y2, two + i);
      load_lanes(y3, three + i);
      load_lanes(y4, four + i);
      first += x * y1;
      second += x * y2;
      third += x * y3;
      fourth += x * y4;
    }
    float sums[4] = {sum_of(first), sum_of(second), sum_of(third), sum_of(fourth)};
    for (std::int64_t i = whole; i < width; ++i) {
      sums[0] += query[i] * one[i];
      sums[1] += query[i] * two[i];
      sums[2] += query[i] * three[i];
      sums[3] += query[i] * four[i];
    }
    for (std::int64_t j = 0; j < 4; ++j) scores[k + j] = sums[j];
  }
  for (; k < count; ++k) {
    float sum = 0;
    for (std::int64_t i = 0; i < width; ++i) sum += query[i] * keys[k * step + i];
    scores[k] = sum;
  }
}

/// exp(scores - the largest), and what one over their sum is.
[[gnu::always_inline]] inline float bend(float* scores, std::int64_t count, bool zero_if_unseen) {
  float largest[kLanes], sums[kLanes] = {};
  std::fill_n(largest, kLanes, kNothing);
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j)
      largest[j] = scores[i + j] > largest[j] ? scores[i + j] : largest[j];
  }
  for (std::int64_t i = whole; i < count; ++i)
    largest[0] = scores[i] > largest[0] ? scores[i] : largest[0];
  const float top = *std::max_element(largest, largest + kLanes);
  const float around = top == kNothing ? 0 : top;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j)
      sums[j] += scores[i + j] = fast_exp(scores[i + j] - around);
  }
  for (std::int64_t i = whole; i < count; ++i) sums[0] += scores[i] = fast_exp(scores[i] - around);
  float sum = 0;
  for (const float part : sums) sum += part;
  return sum == 0 && zero_if_unseen ? 0 : 1 / sum;
}

/// to[j] = factor * sum of weights[k] * values[k][j].
[[gnu::always_inline]] inline void mix(const float* weights, float factor, const float* values,
                                       std::int64_t step, std::int64_t count, std::int64_t width,
                                       float* to) {
  std::int64_t j = 0;
  for (; j + 4 * kLanes <= width; j += 4 * kLanes) {
    Lanes first = {}, second = {}, third = {}, fourth = {};
    for (std::int64_t k = 0; k < count; ++k) {
      const float* from = values + k * step + j;
      Lanes x1, x2, x3, x4;
      load_lanes(x1, from);
      load_lanes(x2, from + kLanes);
      load_lanes(x3, from + 2 * kLanes);
      load_lanes(x4, from + 3 * kLanes);
      first += weights[k] * x1;
      second += weights[k] * x2;
      third += weights[k] * x3;
      fourth += weights[k] * x4;
    }
    store_lanes(to + j, factor * first);
    store_lanes(to + j + kLanes, factor * second);
    store_lanes(to + j + 2 * kLanes, factor * third);
    store_lanes(to + j + 3 * kLanes, factor * fourth);
  }
  for (; j + kLanes <= width; j += kLanes) {
    Lanes sum = {};
    for (std::int64_t k = 0; k < count; ++k) {
      Lanes x;
      load_lanes(x, values + k * step + j);
      sum += weights[k] * x;
    }
    store_lanes(to + j, factor * sum);
  }
  for (; j < width; ++j) {
    float sum = 0;
    for (std::int64_t k = 0; k < count; ++k) sum += weights[k] * values[k * step + j];
    to[j] = factor * sum;
  }
}

[[gnu::always_inline]] inline void attend_queries(const Attend* wanted, const AttendPlane* plane,
                                                  std::int64_t first, std::int64_t last) {
  const Attend& attend = *wanted;
  float* scores = plane->scratch;
  for (std::int64_t q = first; q < last; ++q) {
    score(plane->query + q * attend.query.row, plane->key, attend.key.row, attend.keys,
          attend.width, scores);
    const std::int64_t mask = q * attend.mask_rows.row, step = attend.mask_column;
    for (std::int64_t k = 0; k < attend.keys; ++k) scores[k] *= attend.scale;
    if (attend.cap != 0) {
      for (std::int64_t k = 0; k < attend.keys; ++k)
        scores[k] = attend.cap * fast_tanh(scores[k] / attend.cap);
    }
    if (plane->added != nullptr) {
      for (std::int64_t k = 0; k < attend.keys; ++k) scores[k] += plane->added[mask + k * step];
    }
    if (plane->truths != nullptr) {
      const bool kept = attend.mask == AttendMask::ReplacedNot;
      for (std::int64_t k = 0; k < attend.keys; ++k) {
        if (is_true(plane->truths[mask + k * step]) != kept) scores[k] = attend.replacement;
      }
    }
    if (attend.causal) {
      for (std::int64_t k = std::max<std::int64_t>(0, q + *attend.causal + 1); k < attend.keys; ++k)
        scores[k] = kNothing;
    }
    const float factor = bend(scores, attend.keys, attend.zero_if_unseen);
    mix(scores, factor, plane->value, attend.value.row, attend.keys, attend.value_width,
        plane->output + q * attend.output.row);
  }
}

}  // namespace

void attend_one_by_one(const Attend& attend, const AttendPlane& plane, std::int64_t first,
                       std::int64_t last) {
  run_compiled<attend_queries>(&attend, &plane, first, last);
}

}  // namespace torchkeep::runtime::kernels
