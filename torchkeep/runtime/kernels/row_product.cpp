#include "torchkeep/runtime/kernels/row_product.h"

#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/kernels/curves.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

// Sixteen floats at once; where the processor has fewer, the compiler takes several registers.
using Lanes [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
constexpr std::size_t kLanes = 16;
static_assert(kPanelColumns == 4 * kLanes);

constexpr std::size_t kFloatsAThread = 32768;  // of weights: below, waking a thread costs more

constexpr std::size_t kAhead = 16;  // rows that are fetched before they are wanted

[[gnu::always_inline]] inline void multiply(const RowProduct* wanted, const float* x,
                                            const float* weights, const float* bias, bool add,
                                            float* to, std::size_t first, std::size_t last) {
  const RowProduct& product = *wanted;
  for (std::size_t panel = first; panel < last; ++panel) {
    const auto* from = reinterpret_cast<const Lanes*>(weights + panel * product.panel_floats);
    // Two sums a column, so that an addition need not wait for the one before.
    Lanes even0 = {}, even1 = {}, even2 = {}, even3 = {}, odd0 = {}, odd1 = {}, odd2 = {},
          odd3 = {};
    std::size_t i = 0;
    for (; i + 2 <= product.inner; i += 2, from += 8) {
      for (std::size_t line = 0; line < 8; ++line) __builtin_prefetch(from + 4 * kAhead + line);
      const float one = x[i], two = x[i + 1];
      even0 += one * from[0];
      even1 += one * from[1];
      even2 += one * from[2];
      even3 += one * from[3];
      odd0 += two * from[4];
      odd1 += two * from[5];
      odd2 += two * from[6];
      odd3 += two * from[7];
    }
    if (i < product.inner) {
      even0 += x[i] * from[0];
      even1 += x[i] * from[1];
      even2 += x[i] * from[2];
      even3 += x[i] * from[3];
    }
    const Lanes sums[4] = {even0 + odd0, even1 + odd1, even2 + odd2, even3 + odd3};
    float whole[kPanelColumns];
    std::memcpy(whole, sums, sizeof whole);
    const std::size_t start = panel * kPanelColumns,
                      count = std::min(kPanelColumns, product.columns - start);
    for (std::size_t j = 0; j < count; ++j) {
      const float sum = (whole[j] + (bias == nullptr ? 0 : bias[start + j])) * product.scale;
      to[start + j] = add ? to[start + j] + sum : sum;
    }
  }
}

}  // namespace

void multiply_row(const RowProduct& product, const float* x, const float* weights,
                  const float* bias, bool add, float* to, std::size_t first, std::size_t last) {
  run_compiled<multiply>(&product, x, weights, bias, add, to, first, last);
}

void plan_row_product(plan::Builder& builder, const dnn::MatMul& wanted, std::uint64_t panel_floats,
                      const graph::Activation& activation, std::vector<plan::BufferId> buffers) {
  const RowProduct product{static_cast<std::size_t>(wanted.weights[0]),
                           static_cast<std::size_t>(wanted.weights[1]), panel_floats, wanted.scale};
  builder.step(
      std::move(buffers),
      [product, biased = wanted.bias, add = wanted.epilogue.residual, activation](
          std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        const float* bias = biased ? source<float>(memory, 2) : nullptr;
        float* to = target<float>(memory, biased ? 3 : 2);
        const std::size_t panels = panel_count(product.columns);
        const std::size_t grain = std::max<std::size_t>(kFloatsAThread / product.panel_floats, 1);
        pool.parallel_for(panels, grain, [&](std::size_t first, std::size_t last) {
          multiply_row(product, source<float>(memory, 0), source<float>(memory, 1), bias, add, to,
                       first, last);
          const std::size_t start = first * kPanelColumns,
                            end = std::min(last * kPanelColumns, product.columns);
          bend(activation, {to + start, end - start});
        });
        return {};
      },
      2.0 * static_cast<double>(product.inner) * static_cast<double>(product.columns));
}

}  // namespace torchkeep::runtime::kernels
