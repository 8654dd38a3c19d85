#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/attention.h"
#include "torchkeep/runtime/kernels/attention_scores.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

/// Memory order: scores, mask if any, result, which may be the scores.
plan::Action softmax_of(const AttentionSizes& sizes, const AttentionSettings& settings,
                        const AttentionMask& mask) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::int64_t columns = sizes.total();
    const auto rows = static_cast<std::size_t>(sizes.batch * sizes.heads * sizes.queries);
    pool.parallel_for(rows, rows_a_thread(static_cast<std::size_t>(columns)),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t r = begin; r < end; ++r) {
                          const auto row = static_cast<std::int64_t>(r);
                          const std::int64_t query = row % sizes.queries,
                                             head = row / sizes.queries % sizes.heads,
                                             batch = row / sizes.queries / sizes.heads;
                          const float* from = source<float>(memory, 0) + row * columns;
                          float* to = target<float>(memory, mask.there ? 2 : 1) + row * columns;
                          const std::int64_t start = batch * mask.strides[0] +
                                                     head * mask.strides[1] +
                                                     query * mask.strides[2];
                          float largest = kNothing;
                          for (std::int64_t i = 0; i < columns; ++i) {
                            float x = from[i];
                            if (settings.cap != 0) x = settings.cap * std::tanh(x / settings.cap);
                            if (mask.there) {
                              const std::int64_t place = start + i * mask.strides[3];
                              if (!mask.truths)
                                x += source<float>(memory, 1)[place];
                              else if (!is_true(source<Truth>(memory, 1)[place]))
                                x = kNothing;
                            }
                            if (settings.causal && i > query + sizes.past) x = kNothing;
                            to[i] = x;
                            largest = x > largest || x != x ? x : largest;
                          }
                          float sum = 0;
                          // Where everything is masked, nothing is attended to.
                          const float around = largest == kNothing ? 0 : largest;
                          for (std::int64_t i = 0; i < columns; ++i)
                            sum += to[i] = std::exp(to[i] - around);
                          const float factor = sum == 0 ? 0 : 1 / sum;
                          for (std::int64_t i = 0; i < columns; ++i) to[i] *= factor;
                        }
                      });
    return {};
  };
}

Result<plan::BufferId> floats(plan::Builder& builder, const Shape& shape) {
  return builder.scratch(TRY(byte_count(DataType::Float32, shape)));
}

ShownScores shown_scores(const AttentionSettings& settings, const AttentionSizes& sizes,
                         const AttentionMask& mask) {
  return {sizes.batch, sizes.heads,  sizes.queries,      sizes.total(),
          sizes.past,  settings.cap, settings.mode == 2, settings.causal,
          mask.there,  mask.truths,  mask.strides};
}

Result<plan::BufferId> queries(plan::Builder& builder, const AttentionSizes& sizes) {
  const plan::BufferId from = TRY(builder.read(0));
  if (!sizes.flat) return from;
  const Shape shape{sizes.batch, sizes.heads, sizes.queries, sizes.width};
  const std::int64_t row = sizes.heads * sizes.width;
  const plan::BufferId to = TRY(floats(builder, shape));
  builder.step({from, to}, strided_action(DataType::Float32,
                                          {shape, {sizes.queries * row, sizes.width, row, 1}, 0}));
  return to;
}

}  // namespace

Result<void> plan_shown_attention(plan::Builder& builder, const AttentionSettings& settings,
                                  const AttentionSizes& sizes, const AttentionMask& mask,
                                  plan::BufferId keys, plan::BufferId values) {
  const std::int64_t b = sizes.batch, h = sizes.shared, n = sizes.total();
  const plan::BufferId turned = TRY(floats(builder, {b, h, sizes.width, n}));
  builder.step({keys, turned},
               strided_action(DataType::Float32,
                              {{b * h, sizes.width, n}, {n * sizes.width, 1, sizes.width}, 0}));
  // The query heads that share a key head are rows of one product.
  const std::int64_t rows = sizes.heads / h * sizes.queries;
  dnn::MatMul product;
  product.input = {b, h, rows, sizes.width};
  product.weights = {b, h, sizes.width, n};
  product.output = {b, h, rows, n};
  product.scale = settings.scale.value_or(1 / std::sqrt(static_cast<float>(sizes.width)));
  dnn::Planned scoring = TRY(dnn::make_matmul(builder.machine(), product, false));
  const Shape all{b, sizes.heads, sizes.queries, n};
  const bool shown = builder.has_output(3);
  const plan::BufferId scores = shown && settings.mode == 0
                                    ? TRY(builder.write(3, DataType::Float32, all))
                                    : TRY(floats(builder, all));
  TRY(builder.step({TRY(queries(builder, sizes)), turned, scores}, std::move(scoring.primitive)));
  plan::BufferId weights = scores;
  if (shown) {
    weights = settings.mode == 3 ? TRY(builder.write(3, DataType::Float32, all))
                                 : TRY(floats(builder, all));
  }
  std::vector<plan::BufferId> buffers{scores};
  if (mask.there) buffers.push_back(TRY(builder.read(3)));
  if (shown && (settings.mode == 1 || settings.mode == 2)) {
    std::vector<plan::BufferId> on_the_way = buffers;
    on_the_way.push_back(TRY(builder.write(3, DataType::Float32, all)));
    builder.step(std::move(on_the_way), show_scores(shown_scores(settings, sizes, mask)));
  }
  buffers.push_back(weights);
  builder.step(std::move(buffers), softmax_of(sizes, settings, mask));
  product.input = {b, h, rows, n};
  product.weights = {b, h, n, sizes.value_width};
  product.output = {b, h, rows, sizes.value_width};
  product.scale = 1;
  dnn::Planned summing = TRY(dnn::make_matmul(builder.machine(), product, false));
  const Shape output{b, sizes.heads, sizes.queries, sizes.value_width};
  if (!sizes.flat) {
    return builder.step({weights, values, TRY(builder.write(0, DataType::Float32, output))},
                        std::move(summing.primitive));
  }
  const plan::BufferId made = TRY(floats(builder, output));
  TRY(builder.step({weights, values, made}, std::move(summing.primitive)));
  const std::int64_t v = sizes.value_width, q = sizes.queries;
  const plan::BufferId to = TRY(builder.write(0, DataType::Float32, {b, q, sizes.heads * v}));
  builder.step({made, to},
               strided_action(DataType::Float32,
                              {{b, q, sizes.heads, v}, {sizes.heads * q * v, v, q * v, 1}, 0}));
  return {};
}

}  // namespace torchkeep::runtime::kernels
