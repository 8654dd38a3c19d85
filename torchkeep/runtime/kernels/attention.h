#pragma once

#include <array>

#include "torchkeep/runtime/plan/builder.h"

/// The operator Attention as its two ways of working see it. Source: ONNX operator Attention-23.
namespace torchkeep::runtime::kernels {

struct AttentionSettings {
  bool causal = false;
  std::int64_t heads = 0, shared_heads = 0;  ///< Of 3-dimensional inputs.
  std::optional<float> scale;
  float cap = 0;  ///< 0: none.
  std::int64_t mode = 0;
};

/// Queries, keys and values of `batch` and heads; `past` keys come before the new ones.
struct AttentionSizes {
  std::int64_t batch = 0, heads = 0, shared = 0, queries = 0, keys = 0, past = 0;
  std::int64_t width = 0, value_width = 0;
  bool flat = false;  ///< Heads lie side by side in the last dimension.

  std::int64_t total() const { return past + keys; }
  /// Of the new keys or values, which row in memory is row `i` of head `plane` of all batches.
  std::int64_t row_of(std::int64_t plane, std::int64_t i) const {
    if (flat) return (plane / shared * keys + i) * shared + plane % shared;
    return plane * keys + i;
  }
};

/// How the mask is walked for [batch, heads, queries, keys]; a stride of 0 repeats.
struct AttentionMask {
  bool there = false, truths = false;
  std::array<std::int64_t, 4> strides{};
};

/// Attention that shows its scores as output 3, which must be whole in memory for that: two
/// products with a softmax between them. `keys` and `values`: [batch, shared, total, width].
Result<void> plan_shown_attention(plan::Builder& builder, const AttentionSettings& settings,
                                  const AttentionSizes& sizes, const AttentionMask& mask,
                                  plan::BufferId keys, plan::BufferId values);

}  // namespace torchkeep::runtime::kernels
