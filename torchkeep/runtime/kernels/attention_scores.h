#pragma once

#include <array>

#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// Scores of [batch, heads, queries, keys] on their way to the softmax, as an Attention may show
/// them: limited, and with the mask if `masks`.
struct ShownScores {
  std::int64_t batch = 0, heads = 0, queries = 0, keys = 0, past = 0;
  float cap = 0;  ///< 0: none.
  bool masks = false;
  bool causal = false;    ///< A query sees the past and the keys up to its own place.
  bool has_mask = false;  ///< Which is added, or says what is seen.
  bool mask_of_truths = false;
  std::array<std::int64_t, 4> mask_strides{};  ///< 0 repeats.
};

/// Memory order: scores, mask if there is one, result. Source: ONNX operator Attention-23,
/// qk_matmul_output_mode 1 and 2.
plan::Action show_scores(const ShownScores& shown);

}  // namespace torchkeep::runtime::kernels
