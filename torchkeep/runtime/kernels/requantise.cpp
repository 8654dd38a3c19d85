#include "torchkeep/runtime/kernels/requantise.h"

#include <cmath>

#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/epilogue.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Counts {
  bool row_scales, column_scales;  ///< There is one for each, not one for all.
};

/// Memory order: sums, scales of rows and columns, the result's scale and zero point, biases or
/// nothing, result.
template <typename T>
plan::Action action_of(const Requantise& wanted, const Counts& counts) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const double scale = double{*source<float>(memory, 3)};
    const T zero = *source<T>(memory, 4);
    pool.parallel_for(
        wanted.planes * wanted.rows, rows_a_thread(wanted.columns),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t line = begin; line < end; ++line) {
            const std::size_t row = line % wanted.rows;
            const double of_row = double{source<float>(memory, 1)[counts.row_scales ? row : 0]};
            const std::int64_t bias =
                wanted.row_bias ? std::int64_t{source<std::int32_t>(memory, 5)[row]} : 0;
            for (std::size_t i = 0; i < wanted.columns; ++i) {
              const double of_column =
                  double{source<float>(memory, 2)[counts.column_scales ? i : 0]};
              const std::int64_t sum =
                  source<std::int64_t>(memory, 0)[line * wanted.columns + i] + bias;
              const double value = static_cast<double>(sum) * (of_row * of_column / scale);
              target<T>(memory, 6)[line * wanted.columns + i] =
                  convert<T>(std::nearbyint(value) + static_cast<double>(zero));
            }
          }
        });
    return {};
  };
}

/// Whether there is a scale for each of `count`. Errors: Malformed if there is neither one nor so
/// many.
Result<bool> has_many(const plan::Builder& builder, std::size_t input, std::size_t count) {
  TRY(expect_float(builder, input));
  const std::uint64_t scales = TRY(element_count(builder.input(input).shape));
  if (scales != 1 && scales != count)
    return malformed("input ", input, " holds ", scales, " scales, wanted is 1 or ", count);
  return scales != 1;
}

}  // namespace

Result<void> plan_requantise(plan::Builder& builder, const Requantise& wanted, plan::BufferId sums,
                             const Shape& output) {
  const Counts counts{TRY(has_many(builder, wanted.row_scale, wanted.rows)),
                      TRY(has_many(builder, wanted.column_scale, wanted.columns))};
  TRY(has_many(builder, wanted.scale, 1));
  if (TRY(element_count(builder.input(wanted.zero).shape)) != 1)
    return malformed("a result with zero points of shape ",
                     describe(builder.input(wanted.zero).shape), " is not supported");
  if (wanted.row_bias) {
    const plan::Operand& bias = builder.input(*wanted.row_bias);
    if (bias.dtype != DataType::Int32 ||
        bias.shape != Shape{static_cast<std::int64_t>(wanted.rows)})
      return malformed("a bias of ", name_of(bias.dtype), " ", describe(bias.shape),
                       " does not fit ", wanted.rows, " channels");
  }
  const DataType dtype = builder.input(wanted.zero).dtype;
  plan::Action action = TRY(
      action_for(ByteTypes(), dtype, [&]<typename T>() { return action_of<T>(wanted, counts); }));
  std::vector<plan::BufferId> buffers{sums};
  for (const std::size_t input : {wanted.row_scale, wanted.column_scale, wanted.scale, wanted.zero})
    buffers.push_back(TRY(builder.read(input)));
  buffers.push_back(wanted.row_bias ? TRY(builder.read(*wanted.row_bias))
                                    : builder.keep({}, nullptr));
  buffers.push_back(TRY(builder.write(0, dtype, output)));
  builder.step(std::move(buffers), std::move(action));
  return {};
}

}  // namespace torchkeep::runtime::kernels
