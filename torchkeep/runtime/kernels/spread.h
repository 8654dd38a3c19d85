#pragma once

#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/types.h"

/// Functions of two elements, one of each side, where the smaller side is spread over the other.
namespace torchkeep::runtime::kernels {

/// to[i] = f(left, right) for one row; written three times so that the compiler sees plain loops.
template <typename In, typename Out, typename F>
void spread_row(const In* left, std::size_t left_step, const In* right, std::size_t right_step,
                Out* to, std::size_t columns, const F& f) {
  if (left_step == 1 && right_step == 1) {
    for (std::size_t i = 0; i < columns; ++i) to[i] = f(left[i], right[i]);
  } else if (left_step == 1) {
    const In other = right[0];
    for (std::size_t i = 0; i < columns; ++i) to[i] = f(left[i], other);
  } else if (right_step == 1) {
    const In one = left[0];
    for (std::size_t i = 0; i < columns; ++i) to[i] = f(one, right[i]);
  } else {
    const Out value = f(left[0], right[0]);
    for (std::size_t i = 0; i < columns; ++i) to[i] = value;
  }
}

/// Memory order: left, right, output.
template <typename In, typename Out, typename F>
plan::Action spread(const Broadcast& walk, F f) {
  return [walk, f](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const In* left = source<In>(memory, 0);
    const In* right = source<In>(memory, 1);
    Out* to = target<Out>(memory, 2);
    const std::size_t columns = walk.columns();
    pool.parallel_for(walk.rows(), rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        const auto [first, second] = walk.start_of(row);
        if (columns == 0) continue;
        spread_row(left + first, walk.left_step(), right + second, walk.right_step(),
                   to + row * columns, columns, f);
      }
    });
    return {};
  };
}

/// Adds a step that reads inputs 0 and 1, spread over each other, and writes output 0.
/// `make.operator()<T>(walk)` makes its action for elements of T.
/// Errors: Malformed for inputs of two types, of a type not in the list, or that do not fit.
template <typename List, typename Make>
Result<void> plan_spread(plan::Builder& builder, List list, std::optional<DataType> result,
                         const Make& make) {
  const plan::Operand& left = builder.input(0);
  const plan::Operand& right = builder.input(1);
  if (left.dtype != right.dtype) {
    return malformed("inputs are ", name_of(left.dtype), " and ", name_of(right.dtype));
  }
  const DataType dtype = left.dtype;
  Shape output = TRY(broadcast_shapes(left.shape, right.shape));
  const Broadcast walk(left.shape, right.shape, output);
  plan::Action action =
      TRY(action_for(list, dtype, [&]<typename T>() { return make.template operator()<T>(walk); }));
  const plan::BufferId first = TRY(builder.read(0)), second = TRY(builder.read(1));
  const plan::BufferId to = TRY(builder.write(0, result.value_or(dtype), std::move(output)));
  builder.step({first, second, to}, std::move(action));
  return {};
}

}  // namespace torchkeep::runtime::kernels
