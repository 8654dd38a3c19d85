// Mul-7, Mul-13, Mul-14 of quantised numbers and a gate:
// https://onnx.ai/onnx/operators/onnx__Mul.html One side or both are DequantizeLinear's result in
// the standard, and QuantizeLinear reads the product; here no float of the larger side reaches
// memory. A gate has one number for each channel (squeeze-and-excitation,
// https://arxiv.org/abs/1709.01507); other shapes are spread as ever.
#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

using graph::Quantisation;

constexpr std::size_t kBytesAThread = 16384;

struct Gating {
  Quantisation from, to;

  template <typename From, typename To>
  [[gnu::always_inline]] To of(From number, float gate) const {
    const float value = static_cast<float>(std::int32_t{number} - from.zero) * from.scale;
    return quantise<To>(value * gate, to.scale, to.zero);
  }
};

/// to[p][c] = all[p][c] times gate[c], or gate[p] if `by_place`.
template <typename From, typename To>
[[gnu::always_inline]] inline void gate_all(const Gating* gating, const From* __restrict all,
                                            const float* __restrict gate, bool by_place,
                                            std::size_t places, std::size_t channels,
                                            To* __restrict to) {
  const Gating wanted = *gating;
  for (std::size_t p = 0; p < places; ++p, all += channels, to += channels) {
    if (by_place) {
      const float each = gate[p];
      for (std::size_t c = 0; c < channels; ++c) to[c] = wanted.of<From, To>(all[c], each);
    } else {
      for (std::size_t c = 0; c < channels; ++c) to[c] = wanted.of<From, To>(all[c], gate[c]);
    }
  }
}

/// Calls `use.operator()<From, To>()`.
template <typename F>
auto with_types(const Gating& gating, F use) {
  const bool from = gating.from.dtype == DataType::Int8, to = gating.to.dtype == DataType::Int8;
  if (from && to) return use.template operator()<std::int8_t, std::int8_t>();
  if (from) return use.template operator()<std::int8_t, std::uint8_t>();
  if (to) return use.template operator()<std::uint8_t, std::int8_t>();
  return use.template operator()<std::uint8_t, std::uint8_t>();
}

/// How the gate meets the numbers, which lie as rows of `width`.
struct Rows {
  std::size_t images = 1, rows = 1, width = 1;
  bool by_row = false;        ///< A row has one number of the gate; otherwise an image has one row.
  std::size_t gate_step = 0;  ///< From image to image; 0: all have the same.
};

class QuantisedGate final : public Kernel {
 public:
  /// Float32 stands for a side of floats; one of both is numbers.
  QuantisedGate(const std::array<Quantisation, 2>& sides, const Quantisation& to)
      : sides_(sides), to_(to) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t side = 0; side < 2; ++side) {
      if (builder.input(side).dtype != sides_[side].dtype)
        return malformed("input ", side, " is ", name_of(builder.input(side).dtype), ", wanted is ",
                         name_of(sides_[side].dtype));
    }
    for (const std::size_t all : {0, 1}) {
      if (is_float(all)) continue;
      const Shape &whole = builder.input(all).shape, &gate = builder.input(1 - all).shape;
      if (is_of_channels(whole, gate)) return plan_channels(builder, all);
    }
    return plan_spread_numbers(builder);
  }

 private:
  bool is_float(std::size_t side) const { return sides_[side].dtype == DataType::Float32; }

  static bool is_of_channels(const Shape& all, const Shape& each) {
    if (all.size() < 3 || all.size() > 5 || all.size() != each.size()) return false;
    return (each[0] == 1 || each[0] == all[0]) && each[1] == all[1] &&
           std::all_of(each.begin() + 2, each.end(), [](std::int64_t size) { return size == 1; });
  }

  /// Input `side` as floats, row-major.
  Result<plan::BufferId> read_floats(plan::Builder& builder, std::size_t side) const {
    const plan::BufferId numbers = TRY(builder.read(side));
    if (is_float(side)) return numbers;
    const Shape shape = builder.input(side).shape;
    const std::size_t count = extent(shape, 0, shape.size());
    const plan::BufferId floats = TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape))));
    builder.step(
        {numbers, floats},
        [from = sides_[side], count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
          float* const to = target<float>(memory, 1);
          if (from.dtype == DataType::Int8)
            dequantise_row(source<std::int8_t>(memory, 0), count, from.scale, from.zero, to);
          else
            dequantise_row(source<std::uint8_t>(memory, 0), count, from.scale, from.zero, to);
          return {};
        });
    return floats;
  }

  /// Side `all` meets one number a channel, where it lies with its channels side by side or plain.
  Result<void> plan_channels(plan::Builder& builder, std::size_t all) const {
    const Shape shape = builder.input(all).shape, each = builder.input(1 - all).shape;
    const bool plain = builder.input(all).layout.is_plain();
    const auto layout_of = [&](DataType dtype) {
      return plain ? dnn::Layout() : dnn::channels_last(shape, dtype);
    };
    const std::size_t channels = extent(shape, 1, 2), places = extent(shape, 2, shape.size());
    const Rows rows{extent(shape, 0, 1), plain ? channels : places, plain ? places : channels,
                    plain, each[0] == shape[0] ? channels : 0};
    const plan::BufferId numbers = TRY(builder.read(all, layout_of(sides_[all].dtype))),
                         gate = TRY(read_floats(builder, 1 - all)),
                         to = TRY(builder.write(0, to_.dtype, shape, layout_of(to_.dtype)));
    builder.step({numbers, gate, to}, action({sides_[all], to_}, rows));
    return {};
  }

  static plan::Action action(const Gating& gating, const Rows& rows) {
    return with_types(gating, [&]<typename From, typename To>() -> plan::Action {
      return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        const std::size_t grain = 1 + kBytesAThread / (1 + rows.width);
        for (std::size_t n = 0; n < rows.images; ++n) {
          const std::size_t start = n * rows.rows * rows.width;
          const float* const gate = source<float>(memory, 1) + n * rows.gate_step;
          pool.parallel_for(rows.rows, grain, [&](std::size_t begin, std::size_t end) {
            run_compiled<gate_all<From, To>>(
                &gating, source<From>(memory, 0) + start + begin * rows.width,
                gate + (rows.by_row ? begin : 0), rows.by_row, end - begin, rows.width,
                target<To>(memory, 2) + start + begin * rows.width);
          });
        }
        return {};
      };
    });
  }

  Result<void> plan_spread_numbers(plan::Builder& builder) const {
    const std::size_t all = is_float(0) ? 1 : 0;
    const Shape whole = builder.input(all).shape, other = builder.input(1 - all).shape;
    const Shape output = TRY(broadcast_shapes(whole, other));
    const Broadcast walk(whole, other, output);
    const plan::BufferId numbers = TRY(builder.read(all)),
                         gate = TRY(read_floats(builder, 1 - all)),
                         to = TRY(builder.write(0, to_.dtype, output));
    const Gating gating{sides_[all], to_};
    builder.step(
        {numbers, gate, to}, with_types(gating, [&]<typename From, typename To>() -> plan::Action {
          return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
            To* next = target<To>(memory, 2);
            for (std::size_t row = 0; row < walk.rows(); ++row) {
              const auto [one, two] = walk.start_of(row);
              for (std::size_t i = 0; i < walk.columns(); ++i)
                *next++ =
                    gating.of<From, To>(source<From>(memory, 0)[one + i * walk.left_step()],
                                        source<float>(memory, 1)[two + i * walk.right_step()]);
            }
            return {};
          };
        }));
    return {};
  }

  std::array<Quantisation, 2> sides_;
  Quantisation to_;
};

}  // namespace

Result<KernelPointer> make_quantised_gate(NodeReader& node) {
  const graph::Quantised& mark = *node.node().quantised;
  if (!mark.second || !mark.output) return malformed("a product of numbers has no scales");
  if (mark.input.dtype == DataType::Float32 && mark.second->dtype == DataType::Float32)
    return malformed("a product of numbers has none");
  return std::make_unique<QuantisedGate>(std::array{mark.input, *mark.second}, *mark.output);
}

}  // namespace torchkeep::runtime::kernels
