// CumSum-11, CumSum-14: https://onnx.ai/onnx/operators/onnx__CumSum.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/reduction.h"

namespace torchkeep::runtime::kernels {
namespace {

using SummedTypes = Types<float, double, std::int64_t, std::int32_t, std::uint32_t, std::uint64_t>;

struct Rows {
  std::size_t outer, size, inner;  ///< Before the axis, along it, after it.
  bool exclusive, reverse;
};

template <typename T>
plan::Action action_of(const Rows& rows) {
  return [rows](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(
        rows.outer * rows.inner, rows_a_thread(rows.size), [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t start = i / rows.inner * rows.size * rows.inner + i % rows.inner;
            Accumulator<T> sum = 0;
            for (std::size_t k = 0; k < rows.size; ++k) {
              const std::size_t place = start + (rows.reverse ? rows.size - 1 - k : k) * rows.inner;
              const auto value = static_cast<Accumulator<T>>(source<T>(memory, 0)[place]);
              target<T>(memory, 1)[place] = static_cast<T>(rows.exclusive ? sum : sum + value);
              sum += value;
            }
          }
        });
    return {};
  };
}

class CumSum final : public Kernel {
 public:
  CumSum(bool exclusive, bool reverse) : exclusive_(exclusive), reverse_(reverse) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t axis = TRY(resolve_axis(TRY(known_int(builder, 1)), shape.size()));
    const Rows rows{extent(shape, 0, axis), extent(shape, axis, axis + 1),
                    extent(shape, axis + 1, shape.size()), exclusive_, reverse_};
    plan::Action action =
        TRY(action_for(SummedTypes(), dtype, [&]<typename T>() { return action_of<T>(rows); }));
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, dtype, shape))}, std::move(action));
    return {};
  }

 private:
  bool exclusive_, reverse_;
};

}  // namespace

Result<KernelPointer> make_cum_sum(NodeReader& node) {
  const bool exclusive = TRY(node.int_or("exclusive", 0)) != 0,
             reverse = TRY(node.int_or("reverse", 0)) != 0;
  return std::make_unique<CumSum>(exclusive, reverse);
}

}  // namespace torchkeep::runtime::kernels
