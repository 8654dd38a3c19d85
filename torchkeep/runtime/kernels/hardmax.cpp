// Hardmax-1 to Hardmax-13: https://onnx.ai/onnx/operators/onnx__Hardmax.html
// Before version 13 it took the dimensions from axis on for one.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

/// One where a row's largest element stands first, zero elsewhere.
template <typename T>
plan::Action action_of(std::size_t outer, std::size_t size, std::size_t inner) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const T* from = source<T>(memory, 0);
    T* to = target<T>(memory, 1);
    std::fill_n(to, outer * size * inner, T{0});
    for (std::size_t i = 0; size > 0 && i < outer * inner; ++i) {
      const std::size_t start = i / inner * size * inner + i % inner;
      std::size_t largest = start;
      for (std::size_t k = start; k < start + size * inner; k += inner) {
        if (from[k] > from[largest]) largest = k;
      }
      to[largest] = T{1};
    }
    return {};
  };
}

class Hardmax final : public Kernel {
 public:
  Hardmax(std::int64_t axis, bool flattens) : axis_(axis), flattens_(flattens) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size()));
    const std::size_t end = flattens_ ? shape.size() : axis + 1;
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(extent(shape, 0, axis), extent(shape, axis, end),
                          extent(shape, end, shape.size()));
    }));
    std::vector<Made> made;
    made.push_back({dtype, shape});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  std::int64_t axis_;
  bool flattens_;
};

}  // namespace

Result<KernelPointer> make_hardmax(NodeReader& node) {
  const bool flattens = node.opset() < 13;
  return std::make_unique<Hardmax>(TRY(node.int_or("axis", flattens ? 1 : -1)), flattens);
}

}  // namespace torchkeep::runtime::kernels
