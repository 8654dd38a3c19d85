// Clip-6 to Clip-13: https://onnx.ai/onnx/operators/onnx__Clip.html
// Before version 11, the bounds were attributes; both forms are read.
#include <algorithm>
#include <array>
#include <limits>

#include "torchkeep/runtime/kernels/elementwise.h"
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Clip final : public Kernel {
 public:
  explicit Clip(std::pair<float, float> limits) : limits_(limits) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& input = builder.input(0);
    for (std::size_t i = 1; i < 3; ++i) {
      if (!builder.has_input(i)) continue;
      const plan::Operand& bound = builder.input(i);
      if (bound.dtype != input.dtype || TRY(element_count(bound.shape)) != 1)
        return malformed("bound ", i, " is not one number of the input's type");
    }
    if (input.dtype == DataType::Float32 && knows_bound(builder, 1) && knows_bound(builder, 2)) {
      const float high = bound_or(builder, 2, limits_.second);
      // Where the bounds cross, everything becomes the upper one.
      const float low = std::min(bound_or(builder, 1, limits_.first), high);
      return plan_function(builder, dnn::EltwiseKind::Clip, low, high, low <= 0 && high >= 0);
    }
    const Shape shape = input.shape;
    const DataType dtype = input.dtype;
    const std::size_t count = extent(shape, 0, shape.size());
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    std::array<std::size_t, 2> places{0, 0};  // of the bounds among the buffers
    for (std::size_t i = 1; i < 3; ++i) {
      if (!builder.has_input(i)) continue;
      places[i - 1] = buffers.size();
      buffers.push_back(TRY(builder.read(i)));
    }
    plan::Action action = TRY(action_for(
        NumberTypes(), dtype, [&]<typename T>() { return action_of<T>(count, places); }));
    buffers.push_back(TRY(builder.write(0, dtype, shape)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  static bool knows_bound(const plan::Builder& builder, std::size_t index) {
    return !builder.has_input(index) || builder.input(index).constant != nullptr;
  }
  static float bound_or(const plan::Builder& builder, std::size_t index, float otherwise) {
    return builder.has_input(index) ? builder.input(index).constant->elements<float>()[0]
                                    : otherwise;
  }

  template <typename T>
  static plan::Action action_of(std::size_t count, std::array<std::size_t, 2> places) {
    return [count, places](std::span<std::byte* const> memory, Pool&) -> Result<void> {
      using Limits = std::numeric_limits<T>;
      const T low = places[0] == 0 ? Limits::lowest() : *source<T>(memory, places[0]);
      const T high = places[1] == 0 ? Limits::max() : *source<T>(memory, places[1]);
      const T* from = source<T>(memory, 0);
      T* to = target<T>(memory, memory.size() - 1);
      for (std::size_t i = 0; i < count; ++i) to[i] = std::min(std::max(from[i], low), high);
      return {};
    };
  }

  std::pair<float, float> limits_;
};

}  // namespace

Result<KernelPointer> make_clip(NodeReader& node) {
  using Limits = std::numeric_limits<float>;
  const float low = TRY(node.float_or("min", Limits::lowest())),
              high = TRY(node.float_or("max", Limits::max()));
  return std::make_unique<Clip>(std::pair(low, high));
}

}  // namespace torchkeep::runtime::kernels
