// LpNormalization-1, LpNormalization-22: https://onnx.ai/onnx/operators/onnx__LpNormalization.html
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename T>
plan::Action action_of(std::size_t outer, std::size_t size, std::size_t inner, bool squares) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(outer * inner, rows_a_thread(size), [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t start = i / inner * size * inner + i % inner;
        const T* from = source<T>(memory, 0) + start;
        double sum = 0;
        for (std::size_t k = 0; k < size * inner; k += inner) {
          const auto x = static_cast<double>(from[k]);
          sum += squares ? x * x : std::abs(x);
        }
        const double norm = squares ? std::sqrt(sum) : sum;
        // Nothing but zeros stays zeros.
        for (std::size_t k = 0; k < size * inner; k += inner)
          target<T>(memory, 1)[start + k] =
              norm == 0 ? T{0} : static_cast<T>(static_cast<double>(from[k]) / norm);
      }
    });
    return {};
  };
}

class LpNormalization final : public Kernel {
 public:
  LpNormalization(std::int64_t axis, bool squares) : axis_(axis), squares_(squares) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(extent(shape, 0, axis), extent(shape, axis, axis + 1),
                          extent(shape, axis + 1, shape.size()), squares_);
    }));
    std::vector<Made> made;
    made.push_back({dtype, shape});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  std::int64_t axis_;
  bool squares_;
};

}  // namespace

Result<KernelPointer> make_lp_normalization(NodeReader& node) {
  const std::int64_t p = TRY(node.int_or("p", 2));
  if (p != 1 && p != 2) return malformed("p is ", p, ", wanted is 1 or 2");
  return std::make_unique<LpNormalization>(TRY(node.int_or("axis", -1)), p == 2);
}

}  // namespace torchkeep::runtime::kernels
