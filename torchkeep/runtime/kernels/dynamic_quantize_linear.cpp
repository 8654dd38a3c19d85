// DynamicQuantizeLinear-11: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

/// The least and the most of all and 0, which must have a place itself.
[[gnu::always_inline]] inline void find_range(const float* from, std::size_t count, float* range) {
  constexpr std::size_t kSide = 16;  // that many at once, so that the compiler sees vectors
  float least[kSide] = {}, most[kSide] = {};
  for (std::size_t i = 0; i + kSide <= count; i += kSide) {
    for (std::size_t k = 0; k < kSide; ++k) {
      least[k] = from[i + k] < least[k] ? from[i + k] : least[k];
      most[k] = from[i + k] > most[k] ? from[i + k] : most[k];
    }
  }
  for (std::size_t i = count / kSide * kSide; i < count; ++i) {
    least[0] = std::min(least[0], from[i]);
    most[0] = std::max(most[0], from[i]);
  }
  range[0] = *std::min_element(least, least + kSide);
  range[1] = *std::max_element(most, most + kSide);
}

Result<void> quantize(std::size_t count, std::span<std::byte* const> memory, Pool& pool) {
  const float* from = source<float>(memory, 0);
  float range[2];
  run_compiled<find_range>(from, count, range);
  const auto [least, most] = range;
  const float scale = (most - least) / 255;
  // With nothing but zeros any scale would do.
  const float zero = scale == 0 ? 0 : std::nearbyint(std::clamp(-least / scale, 0.0F, 255.0F));
  if (scale == 0 || std::isnan(zero)) {
    std::fill_n(target<std::uint8_t>(memory, 1), count, std::uint8_t{0});
  } else {
    pool.parallel_for(count, rows_a_thread(1), [&](std::size_t begin, std::size_t end) {
      quantise_row(from + begin, end - begin, scale, static_cast<std::int32_t>(zero),
                   target<std::uint8_t>(memory, 1) + begin);
    });
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
    return plan_whole(builder, 1, std::move(made),
                      [count](std::span<std::byte* const> memory, Pool& pool) {
                        return quantize(count, memory, pool);
                      });
  }
};

}  // namespace

Result<KernelPointer> make_dynamic_quantize_linear(NodeReader&) {
  return std::make_unique<DynamicQuantizeLinear>();
}

}  // namespace torchkeep::runtime::kernels
