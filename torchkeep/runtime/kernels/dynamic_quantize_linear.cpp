// DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

Result<void> quantize(std::size_t count, std::span<std::byte* const> memory) {
  const float* from = source<float>(memory, 0);
  float least = 0, most = 0;  // zero itself must have a place
  for (std::size_t i = 0; i < count; ++i) {
    least = std::min(least, from[i]);
    most = std::max(most, from[i]);
  }
  const float scale = (most - least) / 255;
  // With nothing but zeros any scale would do.
  const float zero = scale == 0 ? 0 : std::nearbyint(std::clamp(-least / scale, 0.0F, 255.0F));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = scale == 0 ? 0 : std::nearbyint(from[i] / scale) + zero;
    target<std::uint8_t>(memory, 1)[i] =
        std::isnan(value) ? std::uint8_t{0}
                          : static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F));
  }
  *target<float>(memory, 2) = scale;
  *target<std::uint8_t>(memory, 3) =
      std::isnan(zero) ? std::uint8_t{0} : static_cast<std::uint8_t>(zero);
  return {};
}

class DynamicQuantizeLinear final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_type(builder, 0, DataType::Float32));
    const Shape shape = builder.input(0).shape;
    const std::size_t count = extent(shape, 0, shape.size());
    std::vector<Made> made;
    made.push_back({DataType::UInt8, shape});
    made.push_back({DataType::Float32, {}});
    made.push_back({DataType::UInt8, {}});
    return plan_whole(
        builder, 1, std::move(made),
        [count](std::span<std::byte* const> memory, Pool&) { return quantize(count, memory); });
  }
};

}  // namespace

Result<KernelPointer> make_dynamic_quantize_linear(NodeReader&) {
  return std::make_unique<DynamicQuantizeLinear>();
}

}  // namespace torchkeep::runtime::kernels
