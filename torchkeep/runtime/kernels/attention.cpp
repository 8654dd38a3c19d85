// Attention-23: https://onnx.ai/onnx/operators/onnx__Attention.html
// Several query heads may share a key and value head. Output 3 may show what goes on: the scaled
// products (mode 0), limited (mode 1), with the mask too (mode 2), or after the softmax (mode 3).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/attention_scores.h"
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

struct Settings {
  bool causal = false;
  std::int64_t heads = 0, shared_heads = 0;  ///< Of 3-dimensional inputs.
  std::optional<float> scale;
  float cap = 0;  ///< 0: none.
  std::int64_t mode = 0;
};

/// Queries, keys and values of `batch` and heads; `past` keys come before the new ones.
struct Sizes {
  std::int64_t batch = 0, heads = 0, shared = 0, queries = 0, keys = 0, past = 0;
  std::int64_t width = 0, value_width = 0;
  bool flat = false;  ///< Heads lie side by side in the last dimension.

  std::int64_t total() const { return past + keys; }
};

/// How the mask is walked for [batch, heads, queries, keys]; a stride of 0 repeats.
struct Mask {
  bool there = false, truths = false;
  std::array<std::int64_t, 4> strides{};
};

/// Memory order: scores, mask if any, result, which may be the scores.
plan::Action softmax_of(const Sizes& sizes, const Settings& settings, const Mask& mask) {
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

/// [batch, shared, total, width] of what was before and what is new, whose heads may lie side by
/// side. Memory order: past if any, new, result.
plan::Action append(const Sizes& sizes, std::int64_t width) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const bool has_past = memory.size() == 3;
    float* to = target<float>(memory, memory.size() - 1);
    for (std::int64_t plane = 0; plane < sizes.batch * sizes.shared; ++plane) {
      if (has_past) {
        to = std::copy_n(source<float>(memory, 0) + plane * sizes.past * width, sizes.past * width,
                         to);
      }
      const float* from = source<float>(memory, has_past ? 1 : 0);
      for (std::int64_t i = 0; i < sizes.keys; ++i) {
        const std::int64_t row =
            sizes.flat
                ? (plane / sizes.shared * sizes.keys + i) * sizes.shared + plane % sizes.shared
                : plane * sizes.keys + i;
        to = std::copy_n(from + row * width, width, to);
      }
    }
    return {};
  };
}

class Attention final : public Kernel {
 public:
  explicit Attention(Settings settings) : settings_(settings) {}

  Result<void> plan(plan::Builder& builder) override {
    for (const std::size_t i : {0, 1, 2, 4, 5}) {
      if (builder.has_input(i)) TRY(expect_float(builder, i));
    }
    const Sizes sizes = TRY(read_sizes(builder));
    const std::int64_t b = sizes.batch, h = sizes.shared, n = sizes.total();
    const plan::BufferId keys = TRY(all_of(builder, sizes, 1, 4, 1, sizes.width)),
                         values = TRY(all_of(builder, sizes, 2, 5, 2, sizes.value_width));
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
    product.scale = settings_.scale.value_or(1 / std::sqrt(static_cast<float>(sizes.width)));
    dnn::Planned scoring = TRY(dnn::make_matmul(builder.machine(), product, false));
    const Shape all{b, sizes.heads, sizes.queries, n};
    const bool shown = builder.has_output(3);
    const plan::BufferId scores = shown && settings_.mode == 0
                                      ? TRY(builder.write(3, DataType::Float32, all))
                                      : TRY(floats(builder, all));
    TRY(builder.step({TRY(queries(builder, sizes)), turned, scores}, std::move(scoring.primitive)));
    plan::BufferId weights = scores;
    if (shown) {
      weights = settings_.mode == 3 ? TRY(builder.write(3, DataType::Float32, all))
                                    : TRY(floats(builder, all));
    }
    const Mask mask = TRY(read_mask(builder, all));
    std::vector<plan::BufferId> buffers{scores};
    if (mask.there) buffers.push_back(TRY(builder.read(3)));
    if (shown && (settings_.mode == 1 || settings_.mode == 2)) {
      std::vector<plan::BufferId> on_the_way = buffers;
      on_the_way.push_back(TRY(builder.write(3, DataType::Float32, all)));
      builder.step(std::move(on_the_way), show_scores(shown_scores(sizes, mask)));
    }
    buffers.push_back(weights);
    builder.step(std::move(buffers), softmax_of(sizes, settings_, mask));
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

 private:
  static Result<plan::BufferId> floats(plan::Builder& builder, const Shape& shape) {
    return builder.scratch(TRY(byte_count(DataType::Float32, shape)));
  }

  ShownScores shown_scores(const Sizes& sizes, const Mask& mask) const {
    return {sizes.batch, sizes.heads,   sizes.queries,       sizes.total(),
            sizes.past,  settings_.cap, settings_.mode == 2, settings_.causal,
            mask.there,  mask.truths,   mask.strides};
  }

  static Result<plan::BufferId> queries(plan::Builder& builder, const Sizes& sizes) {
    const plan::BufferId from = TRY(builder.read(0));
    if (!sizes.flat) return from;
    const Shape shape{sizes.batch, sizes.heads, sizes.queries, sizes.width};
    const std::int64_t row = sizes.heads * sizes.width;
    const plan::BufferId to = TRY(floats(builder, shape));
    builder.step(
        {from, to},
        strided_action(DataType::Float32, {shape, {sizes.queries * row, sizes.width, row, 1}, 0}));
    return to;
  }

  /// Keys or values with those of the past, which is an output if it is wanted.
  static Result<plan::BufferId> all_of(plan::Builder& builder, const Sizes& sizes,
                                       std::size_t input, std::size_t past, std::size_t output,
                                       std::int64_t width) {
    const plan::BufferId from = TRY(builder.read(input));
    const bool has_past = builder.has_input(past);
    if (!has_past && !sizes.flat && !builder.has_output(output)) return from;
    const Shape shape{sizes.batch, sizes.shared, sizes.total(), width};
    std::vector<plan::BufferId> buffers;
    if (has_past) buffers.push_back(TRY(builder.read(past)));
    buffers.push_back(from);
    buffers.push_back(builder.has_output(output)
                          ? TRY(builder.write(output, DataType::Float32, shape))
                          : TRY(floats(builder, shape)));
    const plan::BufferId made = buffers.back();
    builder.step(std::move(buffers), append(sizes, width));
    return made;
  }

  Result<Sizes> read_sizes(const plan::Builder& builder) const {
    const Shape &q = builder.input(0).shape, &k = builder.input(1).shape,
                &v = builder.input(2).shape;
    const std::string shapes = text(describe(q), ", ", describe(k), " and ", describe(v));
    Sizes s;
    if (q.size() == 4 && k.size() == 4 && v.size() == 4) {
      s = {q[0], q[1], k[1], q[2], k[2], 0, q[3], v[3], false};
      if (v[1] != s.shared || v[2] != s.keys || k[3] != s.width)
        return malformed("inputs of shapes ", shapes, " do not fit");
    } else if (q.size() == 3 && k.size() == 3 && v.size() == 3 && settings_.heads > 0 &&
               settings_.shared_heads > 0 && q[2] % settings_.heads == 0 &&
               v[2] % settings_.shared_heads == 0) {
      s = {q[0], settings_.heads,        settings_.shared_heads,        q[1], k[1],
           0,    q[2] / settings_.heads, v[2] / settings_.shared_heads, true};
      if (k[2] != s.width * s.shared || v[1] != s.keys)
        return malformed("inputs of shapes ", shapes, " do not fit");
    } else {
      return malformed("inputs of shapes ", shapes, " have no heads");
    }
    if (k[0] != s.batch || v[0] != s.batch || s.shared == 0 || s.heads % s.shared != 0)
      return malformed("inputs of shapes ", shapes, " do not fit");
    if (builder.has_input(4) != builder.has_input(5))
      return malformed("there are past keys or past values, but not both");
    if (builder.has_input(4)) {
      const Shape &keys = builder.input(4).shape, &values = builder.input(5).shape;
      if (keys.size() != 4 || keys != Shape{s.batch, s.shared, keys[2], s.width} ||
          values != Shape{s.batch, s.shared, keys[2], s.value_width})
        return malformed("a past of shapes ", describe(keys), " and ", describe(values),
                         " does not fit");
      s.past = keys[2];
    }
    if (s.batch == 0 || s.heads == 0 || s.queries == 0 || s.width == 0 || s.value_width == 0 ||
        s.total() == 0)
      return malformed("an input has no elements: ", shapes);
    return s;
  }

  static Result<Mask> read_mask(const plan::Builder& builder, const Shape& all) {
    Mask mask;
    if (!builder.has_input(3)) return mask;
    const plan::Operand& input = builder.input(3);
    mask.there = true;
    mask.truths = input.dtype == DataType::Bool;
    if (!mask.truths) TRY(expect_float(builder, 3));
    const std::vector<std::int64_t> strides = row_major_strides(input.shape);
    bool fits = input.shape.size() <= 4;
    for (std::size_t i = 0; fits && i < input.shape.size(); ++i) {
      const std::size_t place = i + 4 - input.shape.size();
      fits = input.shape[i] == 1 || input.shape[i] == all[place];
      if (input.shape[i] != 1) mask.strides[place] = strides[i];
    }
    if (fits) return mask;
    return malformed("a mask of shape ", describe(input.shape), " does not fit ", describe(all));
  }

  Settings settings_;
};

}  // namespace

Result<KernelPointer> make_attention(NodeReader& node) {
  Settings settings;
  settings.causal = TRY(node.int_or("is_causal", 0)) != 0;
  settings.heads = TRY(node.int_or("q_num_heads", 0));
  settings.shared_heads = TRY(node.int_or("kv_num_heads", 0));
  if (node.has("scale")) settings.scale = TRY(node.float_or("scale", 1));
  settings.cap = TRY(node.float_or("softcap", 0));
  settings.mode = TRY(node.int_or("qk_matmul_output_mode", 0));
  const std::int64_t precision = TRY(node.int_or("softmax_precision", 1));
  if (precision != 1) return malformed("softmax_precision is ", precision, ", supported is 1");
  if (settings.mode < 0 || settings.mode > 3)
    return malformed("qk_matmul_output_mode is ", settings.mode, ", wanted is 0 to 3");
  return std::make_unique<Attention>(settings);
}

}  // namespace torchkeep::runtime::kernels
