// ArgMax, ArgMin, versions 1 to 13: https://onnx.ai/onnx/operators/onnx__ArgMax.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Choice {
  bool smallest, last;  ///< `last`: of equal ones.

  /// A NaN is both the largest and the smallest, as PyTorch and NumPy have it.
  template <typename T>
  bool beats(T one, T best) const {
    if (best != best) return last && one != one;
    if (one != one) return true;
    if (last && one == best) return true;
    return smallest ? one < best : one > best;
  }
};

template <typename T>
plan::Action action_of(Choice choice, std::size_t outer, std::size_t size, std::size_t inner) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const T* from = source<T>(memory, 0);
    auto* to = target<std::int64_t>(memory, 1);
    pool.parallel_for(outer * inner, rows_a_thread(size), [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const T* row = from + i / inner * size * inner + i % inner;
        std::size_t best = 0;
        for (std::size_t k = 1; k < size; ++k) {
          if (choice.beats(row[k * inner], row[best * inner])) best = k;
        }
        to[i] = static_cast<std::int64_t>(best);
      }
    });
    return {};
  };
}

class ArgMax final : public Kernel {
 public:
  ArgMax(std::int64_t axis, bool keep, Choice choice) : axis_(axis), keep_(keep), choice_(choice) {}

  Result<void> plan(plan::Builder& builder) override {
    Shape shape = builder.input(0).shape;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    const std::size_t outer = extent(shape, 0, axis), size = extent(shape, axis, axis + 1),
                      inner = extent(shape, axis + 1, shape.size());
    if (size == 0) return malformed("dimension ", axis, " has no elements to choose from");
    plan::Action action = TRY(action_for(NumberTypes(), builder.input(0).dtype, [&]<typename T>() {
      return action_of<T>(choice_, outer, size, inner);
    }));
    shape[axis] = 1;
    if (!keep_) shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, DataType::Int64, std::move(shape)))},
                 std::move(action));
    return {};
  }

 private:
  std::int64_t axis_;
  bool keep_;
  Choice choice_;
};

Result<KernelPointer> make(NodeReader& node, bool smallest) {
  const std::int64_t axis = TRY(node.int_or("axis", 0));
  const bool keep = TRY(node.int_or("keepdims", 1)) != 0,
             last = TRY(node.int_or("select_last_index", 0)) != 0;
  return std::make_unique<ArgMax>(axis, keep, Choice{smallest, last});
}

}  // namespace

Result<KernelPointer> make_arg_max(NodeReader& node) { return make(node, false); }
Result<KernelPointer> make_arg_min(NodeReader& node) { return make(node, true); }

}  // namespace torchkeep::runtime::kernels
