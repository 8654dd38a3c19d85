// Clip-11 to Clip-13: https://onnx.ai/onnx/operators/onnx__Clip.html
#include <algorithm>
#include <limits>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/elementwise.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Clip final : public Kernel {
 public:
  bool needs_known(std::size_t input) const override { return input > 0; }

  Result<void> plan(plan::Builder& builder) override {
    switch (builder.input(0).dtype) {
      case DataType::Float32: {
        const auto [low, high] = TRY(bounds<float>(builder));
        return plan_function(builder, dnn::EltwiseKind::Clip, low, high, low <= 0 && high >= 0);
      }
      case DataType::Float64: return plan_as<double>(builder);
      case DataType::Int32: return plan_as<std::int32_t>(builder);
      case DataType::Int64: return plan_as<std::int64_t>(builder);
      case DataType::Int8: return plan_as<std::int8_t>(builder);
      case DataType::UInt8: return plan_as<std::uint8_t>(builder);
      case DataType::Bool: break;
    }
    return malformed("truth values have no order");
  }

 private:
  template <typename T>
  static Result<std::pair<T, T>> bounds(const plan::Builder& builder) {
    std::array<T, 2> found{std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max()};
    for (std::size_t i = 0; i < 2; ++i) {
      if (!builder.has_input(i + 1)) continue;
      const plan::Operand& bound = builder.input(i + 1);
      if (!bound.constant || bound.dtype != builder.input(0).dtype ||
          bound.constant->bytes().size() != sizeof(T)) {
        return malformed("bound ", i + 1, " is not one known number of the input's type");
      }
      found[i] = bound.constant->elements<T>()[0];
    }
    // Where the bounds cross, everything becomes the upper one.
    return std::pair(std::min(found[0], found[1]), found[1]);
  }

  template <typename T>
  static Result<void> plan_as(plan::Builder& builder) {
    const auto [least, most] = TRY(bounds<T>(builder));
    const T low = least, high = most;
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t count = extent(shape, 0, shape.size());
    const plan::BufferId input = TRY(builder.read(0));
    builder.step({input, TRY(builder.write(0, dtype, shape))},
                 [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                   const auto* from = reinterpret_cast<const T*>(memory[0]);
                   auto* to = reinterpret_cast<T*>(memory[1]);
                   for (std::size_t i = 0; i < count; ++i)
                     to[i] = std::min(std::max(from[i], low), high);
                   return {};
                 });
    return {};
  }
};

}  // namespace

Result<KernelPointer> make_clip(NodeReader&) { return std::make_unique<Clip>(); }

}  // namespace torchkeep::runtime::kernels
