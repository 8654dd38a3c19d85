// LayerNormalization-17: https://onnx.ai/onnx/operators/onnx__LayerNormalization.html
// RMSNormalization-23: https://onnx.ai/onnx/operators/onnx__RMSNormalization.html
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kLanes = 16;  // sums side by side, which the processor adds at once

struct Sums {
  float sum = 0, squares = 0;
};

/// Of x - around. Float lanes are short sums, so their rounding stays small.
[[gnu::always_inline]] inline Sums sums_of(const float* from, std::size_t count, float around) {
  float sums[kLanes] = {}, squares[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) {
      const float x = from[i + k] - around;
      sums[k] += x;
      squares[k] += x * x;
    }
  }
  for (; i < count; ++i) {
    const float x = from[i] - around;
    sums[0] += x;
    squares[0] += x * x;
  }
  Sums all;
  for (std::size_t k = 0; k < kLanes; ++k) {
    all.sum += sums[k];
    all.squares += squares[k];
  }
  return all;
}

/// What is done to each row; a mean or factor that nobody wants has no place to go.
struct Normalized {
  const float *scale, *bias;  ///< No bias is null.
  std::size_t columns;
  float epsilon;
  bool centred;
};

[[gnu::always_inline]] inline void normalize(const Normalized* wanted, const float* from, float* to,
                                             float* mean_to, float* factor_to) {
  const Normalized& n = *wanted;
  const auto count = static_cast<float>(n.columns);
  const float mean = n.centred ? sums_of(from, n.columns, 0).sum / count : 0;
  const float variance = sums_of(from, n.columns, mean).squares / count;
  const float factor = 1 / std::sqrt(variance + n.epsilon);
  if (n.bias != nullptr) {
    for (std::size_t i = 0; i < n.columns; ++i)
      to[i] = (from[i] - mean) * factor * n.scale[i] + n.bias[i];
  } else {
    for (std::size_t i = 0; i < n.columns; ++i) to[i] = (from[i] - mean) * factor * n.scale[i];
  }
  if (mean_to != nullptr) *mean_to = mean;
  if (factor_to != nullptr) *factor_to = factor;
}

class LayerNormalization final : public Kernel {
 public:
  LayerNormalization(std::int64_t axis, float epsilon, bool centred)
      : axis_(axis), epsilon_(epsilon), centred_(centred) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      if (builder.has_input(i)) TRY(expect_float(builder, i));
    }
    const Shape shape = builder.input(0).shape;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    const std::size_t rows = extent(shape, 0, axis), columns = extent(shape, axis, shape.size());
    const Shape normalised(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end());
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    for (std::size_t i = 1; i < 3; ++i) {
      if (!builder.has_input(i)) {
        buffers.push_back(buffers[0]);
        continue;
      }
      buffers.push_back(TRY(spread_factor(builder, i, normalised, shape)));
    }
    // Where it lies if nobody else wants it: memory that another core has read before it is written
    // costs this one several times what the sums do.
    const bool in_place = builder.input(0).layout.is_plain() && builder.may_overwrite(0);
    buffers.push_back(in_place ? builder.write_over(0, 0, DataType::Float32, shape)
                               : TRY(builder.write(0, DataType::Float32, shape)));
    Shape statistics = shape;
    std::fill(statistics.begin() + static_cast<std::ptrdiff_t>(axis), statistics.end(), 1);
    for (std::size_t i = 1; i < 3; ++i) {
      if (builder.has_output(i))
        buffers.push_back(TRY(builder.write(i, DataType::Float32, statistics)));
    }
    builder.step(std::move(buffers), action_of(rows, columns, builder.has_input(2),
                                               builder.has_output(1), builder.has_output(2)));
    return {};
  }

 private:
  /// Scale or bias, of as many elements as are normalised together.
  static Result<plan::BufferId> spread_factor(plan::Builder& builder, std::size_t input,
                                              const Shape& normalised, const Shape& all) {
    const Shape shape = builder.input(input).shape;
    const plan::BufferId from = TRY(builder.read(input));
    Shape trimmed = shape;  // dimensions of 1 in front say nothing
    while (trimmed.size() > normalised.size() && trimmed.front() == 1)
      trimmed.erase(trimmed.begin());
    if (trimmed == normalised) return from;
    const Result<Shape> spread = broadcast_shapes(trimmed, normalised);
    if (!spread || *spread != normalised)
      return malformed("input ", input, " of shape ", describe(shape), " does not fit ",
                       describe(normalised), " of ", describe(all));
    const Broadcast walk(trimmed, normalised, normalised);
    const plan::BufferId to = TRY(builder.scratch(TRY(byte_count(DataType::Float32, normalised))));
    builder.step({from, to}, [walk](std::span<std::byte* const> memory, Pool&) -> Result<void> {
      for (std::size_t row = 0; row < walk.rows(); ++row) {
        const float* start = source<float>(memory, 0) + walk.start_of(0, row);
        for (std::size_t i = 0; i < walk.columns(); ++i)
          target<float>(memory, 1)[row * walk.columns() + i] = start[i * walk.left_step()];
      }
      return {};
    });
    return to;
  }

  /// Memory order: input, scale, bias, output, means if wanted, factors if wanted.
  plan::Action action_of(std::size_t rows, std::size_t columns, bool biased, bool means,
                         bool factors) const {
    return [=, epsilon = epsilon_, centred = centred_](std::span<std::byte* const> memory,
                                                       Pool& pool) -> Result<void> {
      const Normalized wanted{source<float>(memory, 1), biased ? source<float>(memory, 2) : nullptr,
                              columns, epsilon, centred};
      pool.parallel_for(rows, rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
          float* mean = means ? target<float>(memory, 4) + row : nullptr;
          float* factor = factors ? target<float>(memory, means ? 5 : 4) + row : nullptr;
          run_compiled<normalize>(&wanted, source<float>(memory, 0) + row * columns,
                                  target<float>(memory, 3) + row * columns, mean, factor);
        }
      });
      return {};
    };
  }

  std::int64_t axis_;
  float epsilon_;
  bool centred_;
};

Result<KernelPointer> make(NodeReader& node, bool centred) {
  const std::int64_t axis = TRY(node.int_or("axis", -1)), type = TRY(node.int_or("stash_type", 1));
  if (type != 1) return malformed("stash_type is ", type, ", supported is 1 (float32)");
  return std::make_unique<LayerNormalization>(axis, TRY(node.float_or("epsilon", 1e-5F)), centred);
}

}  // namespace

Result<KernelPointer> make_layer_normalization(NodeReader& node) { return make(node, true); }
Result<KernelPointer> make_rms_normalization(NodeReader& node) { return make(node, false); }

}  // namespace torchkeep::runtime::kernels
