#include "torchkeep/runtime/kernels/attention_scores.h"

#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {

plan::Action show_scores(const ShownScores& shown) {
  return [shown](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    constexpr float kNothing = -std::numeric_limits<float>::infinity();
    const auto rows = static_cast<std::size_t>(shown.batch * shown.heads * shown.queries);
    pool.parallel_for(rows, rows_a_thread(static_cast<std::size_t>(shown.keys)),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t r = begin; r < end; ++r) {
                          const auto row = static_cast<std::int64_t>(r);
                          const std::int64_t query = row % shown.queries,
                                             head = row / shown.queries % shown.heads,
                                             batch = row / shown.queries / shown.heads;
                          const std::int64_t start = batch * shown.mask_strides[0] +
                                                     head * shown.mask_strides[1] +
                                                     query * shown.mask_strides[2];
                          for (std::int64_t i = 0; i < shown.keys; ++i) {
                            float x = source<float>(memory, 0)[row * shown.keys + i];
                            if (shown.cap != 0) x = shown.cap * std::tanh(x / shown.cap);
                            if (shown.masks && shown.has_mask) {
                              const std::int64_t place = start + i * shown.mask_strides[3];
                              if (!shown.mask_of_truths)
                                x += source<float>(memory, 1)[place];
                              else if (!is_true(source<Truth>(memory, 1)[place]))
                                x = kNothing;
                            }
                            if (shown.masks && shown.causal && i > query + shown.past) x = kNothing;
                            target<float>(memory, memory.size() - 1)[row * shown.keys + i] = x;
                          }
                        }
                      });
    return {};
  };
}

}  // namespace torchkeep::runtime::kernels
