// Attention-23: https://onnx.ai/onnx/operators/onnx__Attention.html
// Several query heads may share a key and value head. Output 3 may show what goes on: the scaled
// products (mode 0), limited (mode 1), with the mask too (mode 2), or after the softmax (mode 3).
#include "torchkeep/runtime/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/attend.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

/// [batch, shared, total, width] of what was before and what is new, whose heads may lie side by
/// side. Memory order: past if any, new, result.
plan::Action append(const AttentionSizes& sizes, std::int64_t width) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const bool has_past = memory.size() == 3;
    float* to = target<float>(memory, memory.size() - 1);
    for (std::int64_t plane = 0; plane < sizes.batch * sizes.shared; ++plane) {
      if (has_past) {
        to = std::copy_n(source<float>(memory, 0) + plane * sizes.past * width, sizes.past * width,
                         to);
      }
      const float* from = source<float>(memory, has_past ? 1 : 0);
      for (std::int64_t i = 0; i < sizes.keys; ++i)
        to = std::copy_n(from + sizes.row_of(plane, i) * width, width, to);
    }
    return {};
  };
}

/// What is new, behind a past that lies in planes of `room` rows. Memory order: new, all.
plan::Action append_in_place(const AttentionSizes& sizes, std::int64_t width, std::int64_t room) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    for (std::int64_t plane = 0; plane < sizes.batch * sizes.shared; ++plane) {
      float* to = target<float>(memory, 1) + (plane * room + sizes.past) * width;
      for (std::int64_t i = 0; i < sizes.keys; ++i)
        to = std::copy_n(source<float>(memory, 0) + sizes.row_of(plane, i) * width, width, to);
    }
    return {};
  };
}

/// Rows of queries or of the result, for [batch, shared heads, heads that share one].
AttendRows rows_of_queries(const AttentionSizes& sizes, std::int64_t width) {
  const std::int64_t group = sizes.heads / sizes.shared, all = sizes.heads * sizes.queries * width;
  if (sizes.flat) return {{all, group * width, width}, sizes.heads * width};
  return {{all, group * sizes.queries * width, sizes.queries * width}, width};
}

/// Keys or values with those of the past, as they will lie.
struct Gathered {
  plan::BufferId buffer = 0;
  bool flat = false;      ///< Heads lie side by side.
  std::int64_t rows = 0;  ///< From one head's first to the next one's, unless flat.
};

AttendRows rows_of_keys(const AttentionSizes& sizes, std::int64_t width, const Gathered& keys) {
  const std::int64_t all = sizes.shared * keys.rows * width;
  if (keys.flat) return {{all, width, 0}, sizes.shared * width};
  return {{all, keys.rows * width, 0}, width};
}

class Attention final : public Kernel {
 public:
  explicit Attention(AttentionSettings settings) : settings_(settings) {}

  Result<void> plan(plan::Builder& builder) override {
    for (const std::size_t i : {0, 1, 2, 4, 5}) {
      if (builder.has_input(i)) TRY(expect_float(builder, i));
    }
    const AttentionSizes sizes = TRY(read_sizes(builder));
    const AttentionMask mask =
        TRY(read_mask(builder, {sizes.batch, sizes.heads, sizes.queries, sizes.total()}));
    const bool shown = builder.has_output(3);
    const Gathered keys = TRY(gather(builder, sizes, 1, 4, sizes.width, !shown)),
                   values = TRY(gather(builder, sizes, 2, 5, sizes.value_width, !shown));
    if (shown)
      return plan_shown_attention(builder, settings_, sizes, mask, keys.buffer, values.buffer);
    Attend attend;
    attend.batch = {sizes.batch, sizes.shared, sizes.heads / sizes.shared};
    attend.queries = sizes.queries;
    attend.keys = sizes.total();
    attend.width = sizes.width;
    attend.value_width = sizes.value_width;
    attend.query = rows_of_queries(sizes, sizes.width);
    attend.key = rows_of_keys(sizes, sizes.width, keys);
    attend.value = rows_of_keys(sizes, sizes.value_width, values);
    attend.output = rows_of_queries(sizes, sizes.value_width);
    attend.scale = settings_.scale.value_or(1 / std::sqrt(static_cast<float>(sizes.width)));
    attend.cap = settings_.cap;
    attend.zero_if_unseen = true;
    if (settings_.causal) attend.causal = sizes.past;
    std::vector<plan::BufferId> buffers{TRY(builder.read(0)), keys.buffer, values.buffer};
    if (mask.there) {
      attend.mask = mask.truths ? AttendMask::ReplacedNot : AttendMask::Added;
      attend.replacement = -std::numeric_limits<float>::infinity();
      attend.mask_rows = {{mask.strides[0], mask.strides[1] * attend.batch[2], mask.strides[1]},
                          mask.strides[2]};
      attend.mask_column = mask.strides[3];
      buffers.push_back(TRY(builder.read(3)));
    }
    Shape output{sizes.batch, sizes.heads, sizes.queries, sizes.value_width};
    if (sizes.flat) output = {sizes.batch, sizes.queries, sizes.heads * sizes.value_width};
    buffers.push_back(TRY(builder.write(0, DataType::Float32, std::move(output))));
    buffers.push_back(TRY(builder.scratch(attend_scratch_bytes(attend, builder.threads()))));
    builder.step(std::move(buffers), attend_action(attend), attend.flops());
    return {};
  }

 private:
  /// With those of the past, which is an output if it is wanted. `may_be_flat`: heads may stay side
  /// by side.
  static Result<Gathered> gather(plan::Builder& builder, const AttentionSizes& sizes,
                                 std::size_t input, std::size_t past, std::int64_t width,
                                 bool may_be_flat) {
    const plan::BufferId from = TRY(builder.read(input));
    const bool has_past = builder.has_input(past);
    if (!has_past && (!sizes.flat || may_be_flat) && !builder.has_output(input))
      return Gathered{from, sizes.flat, sizes.total()};
    const Shape shape{sizes.batch, sizes.shared, sizes.total(), width};
    if (const std::optional<Shape> room = builder.room(input, past)) {
      const plan::BufferId all = builder.grow(input, past, shape);
      builder.step({from, all}, append_in_place(sizes, width, (*room)[2]));
      return Gathered{all, false, (*room)[2]};
    }
    std::vector<plan::BufferId> buffers;
    if (has_past) buffers.push_back(TRY(builder.read(past)));
    buffers.push_back(from);
    // What the past becomes is the output of the same number.
    buffers.push_back(builder.has_output(input)
                          ? TRY(builder.write(input, DataType::Float32, shape))
                          : TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape)))));
    const plan::BufferId made = buffers.back();
    builder.step(std::move(buffers), append(sizes, width));
    return Gathered{made, false, sizes.total()};
  }

  Result<AttentionSizes> read_sizes(const plan::Builder& builder) const {
    const Shape &q = builder.input(0).shape, &k = builder.input(1).shape,
                &v = builder.input(2).shape;
    const std::string shapes = text(describe(q), ", ", describe(k), " and ", describe(v));
    AttentionSizes s;
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

  static Result<AttentionMask> read_mask(const plan::Builder& builder, const Shape& all) {
    AttentionMask mask;
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

  AttentionSettings settings_;
};

}  // namespace

Result<KernelPointer> make_attention(NodeReader& node) {
  AttentionSettings settings;
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
