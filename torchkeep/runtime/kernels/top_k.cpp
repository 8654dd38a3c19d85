// TopK-1 to TopK-11: https://onnx.ai/onnx/operators/onnx__TopK.html
// Before version 10, k was an attribute; both forms are read.
#include <algorithm>
#include <numeric>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Rows {
  std::size_t outer, size, inner, count;  ///< Before the axis, along it, after it; of the result.
  bool largest;
};

/// Memory order: input, values, indices, a row of indices for each row.
template <typename T>
plan::Action action_of(const Rows& rows) {
  return [rows](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(
        rows.outer * rows.inner, rows_a_thread(rows.size), [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t outer = i / rows.inner, inner = i % rows.inner;
            const T* from = source<T>(memory, 0) + outer * rows.size * rows.inner + inner;
            const std::span<std::int64_t> order(target<std::int64_t>(memory, 3) + i * rows.size,
                                                rows.size);
            std::iota(order.begin(), order.end(), std::int64_t{0});
            const auto value = [&](std::int64_t k) {
              return from[static_cast<std::size_t>(k) * rows.inner];
            };
            // A NaN is above all numbers; of equal ones the first is better.
            const auto better = [&](std::int64_t one, std::int64_t other) {
              const T a = value(one), b = value(other);
              if (a != a || b != b)
                return (a != a) == (b != b) ? one < other : (a != a) == rows.largest;
              if (a == b) return one < other;
              return rows.largest ? a > b : a < b;
            };
            std::partial_sort(order.begin(),
                              order.begin() + static_cast<std::ptrdiff_t>(rows.count), order.end(),
                              better);
            for (std::size_t k = 0; k < rows.count; ++k) {
              const std::size_t place = (outer * rows.count + k) * rows.inner + inner;
              target<T>(memory, 1)[place] = value(order[k]);
              target<std::int64_t>(memory, 2)[place] = order[k];
            }
          }
        });
    return {};
  };
}

class TopK final : public Kernel {
 public:
  TopK(std::int64_t axis, bool largest, std::optional<std::int64_t> count)
      : axis_(axis), largest_(largest), count_(count) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    const std::int64_t count = count_ ? *count_ : TRY(known_int(builder, 1));
    if (count < 0 || count > shape[axis])
      return malformed("k is ", count, ", dimension ", axis, " has ", shape[axis], " elements");
    const Rows rows{extent(shape, 0, axis), extent(shape, axis, axis + 1),
                    extent(shape, axis + 1, shape.size()), static_cast<std::size_t>(count),
                    largest_};
    plan::Action action =
        TRY(action_for(NumberTypes(), dtype, [&]<typename T>() { return action_of<T>(rows); }));
    const std::uint64_t scratch = TRY(byte_count(DataType::Int64, shape));
    shape[axis] = count;
    const plan::BufferId from = TRY(builder.read(0));
    const plan::BufferId values = TRY(builder.write(0, dtype, shape));
    const plan::BufferId indices = TRY(builder.write(1, DataType::Int64, shape));
    builder.step({from, values, indices, TRY(builder.scratch(scratch))}, std::move(action));
    return {};
  }

 private:
  std::int64_t axis_;
  bool largest_;
  std::optional<std::int64_t> count_;
};

}  // namespace

Result<KernelPointer> make_top_k(NodeReader& node) {
  const std::int64_t axis = TRY(node.int_or("axis", -1));
  const bool largest = TRY(node.int_or("largest", 1)) != 0;
  node.ignore("sorted");  // sorted is as good as any order
  std::optional<std::int64_t> count;
  if (!node.has_input(1)) {
    if (!node.has("k")) return malformed("there is no k");
    count = TRY(node.int_or("k", 0));
  }
  return std::make_unique<TopK>(axis, largest, count);
}

}  // namespace torchkeep::runtime::kernels
