#include "torchkeep/runtime/kernels/integer_mat_mul.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/broadcast.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Which batch of a side the result's batch `index` is made of.
std::size_t batch_of(std::size_t index, const Shape& side, const Shape& result) {
  std::size_t place = 0, step = 1;
  for (std::size_t d = side.size(); d-- > 0;) {
    const std::size_t size =
        extent(result, d + result.size() - side.size(), d + result.size() - side.size() + 1);
    if (side[d] != 1) place += index % size * step;
    index /= size;
    step *= static_cast<std::size_t>(side[d]);
  }
  return place;
}

}  // namespace

Result<IntegerSums> plan_integer_mat_mul(plan::Builder& builder, const IntegerMatMul& wanted) {
  Shape left = builder.input(wanted.left).shape, right = builder.input(wanted.right).shape;
  const bool is_row = left.size() == 1, is_column = right.size() == 1;
  if (is_row) left.insert(left.begin(), 1);
  if (is_column) right.push_back(1);
  if (left.size() < 2 || right.size() < 2 || left.back() != right[right.size() - 2])
    return malformed("matrices of shapes ", describe(builder.input(wanted.left).shape), " and ",
                     describe(builder.input(wanted.right).shape), " do not fit");
  const Shape left_batches(left.begin(), left.end() - 2),
      right_batches(right.begin(), right.end() - 2);
  IntegerSums made;
  made.output = TRY(broadcast_shapes(left_batches, right_batches));
  Bytes8 rows{wanted.left,
              wanted.left_zero,
              extent(left, 0, left.size() - 2),
              extent(left, left.size() - 2, left.size() - 1),
              extent(left, left.size() - 1, left.size()),
              false};
  Bytes8 columns{wanted.right,
                 wanted.right_zero,
                 extent(right, 0, right.size() - 2),
                 rows.columns,
                 extent(right, right.size() - 1, right.size()),
                 true};
  made.batches = extent(made.output, 0, made.output.size());
  made.rows = rows.rows;
  made.columns = columns.columns;
  const Shape batches = made.output;
  if (!is_row) made.output.push_back(left[left.size() - 2]);
  if (!is_column) made.output.push_back(right.back());
  const std::uint64_t count = TRY(element_count(made.output));
  const plan::BufferId from = TRY(without_zeros(builder, rows)),
                       with = TRY(without_zeros(builder, columns));
  made.sums = TRY(builder.scratch(count * sizeof(std::int64_t)));
  const std::size_t m = made.rows, n = made.columns, k = rows.columns;
  builder.step(
      {from, with, made.sums}, [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        for (std::size_t b = 0; b < count / std::max<std::size_t>(m * n, 1); ++b)
          multiply_rows(
              source<std::int16_t>(memory, 0) + batch_of(b, left_batches, batches) * m * k, m,
              source<std::int16_t>(memory, 1) + batch_of(b, right_batches, batches) * n * k, n, k,
              target<std::int64_t>(memory, 2) + b * m * n, pool);
        return {};
      });
  return made;
}

}  // namespace torchkeep::runtime::kernels
