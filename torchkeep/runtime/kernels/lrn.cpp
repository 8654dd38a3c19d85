// LRN-1 to LRN-13: https://onnx.ai/onnx/operators/onnx__LRN.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Settings {
  float alpha = 0, beta = 0, bias = 0;
  std::size_t size = 1;
};

class Lrn final : public Kernel {
 public:
  explicit Lrn(Settings settings) : settings_(settings) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_type(builder, 0, DataType::Float32));
    const Shape shape = builder.input(0).shape;
    if (shape.size() < 2)
      return malformed("an input of shape ", describe(shape), " has no channels");
    const std::size_t channels = extent(shape, 1, 2), planes = extent(shape, 0, 1) * channels,
                      plane = extent(shape, 2, shape.size());
    plan::Action action = [=, settings = settings_](std::span<std::byte* const> memory,
                                                    Pool& pool) -> Result<void> {
      const float* from = source<float>(memory, 0);
      const std::size_t before = (settings.size - 1) / 2, after = settings.size / 2;
      pool.parallel_for(
          planes, rows_a_thread(plane * settings.size), [&](std::size_t begin, std::size_t end) {
            for (std::size_t p = begin; p < end; ++p) {
              const std::size_t c = p % channels, start = p - c;
              const std::size_t first = c - std::min(c, before),
                                last = std::min(channels - 1, c + after);
              for (std::size_t i = 0; i < plane; ++i) {
                double sum = 0;
                for (std::size_t k = first; k <= last; ++k) {
                  const auto x = static_cast<double>(from[(start + k) * plane + i]);
                  sum += x * x;
                }
                const float scale = settings.bias + settings.alpha /
                                                        static_cast<float>(settings.size) *
                                                        static_cast<float>(sum);
                target<float>(memory, 1)[p * plane + i] =
                    from[p * plane + i] / std::pow(scale, settings.beta);
              }
            }
          });
      return {};
    };
    std::vector<Made> made;
    made.push_back({DataType::Float32, shape});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  Settings settings_;
};

}  // namespace

Result<KernelPointer> make_lrn(NodeReader& node) {
  const std::int64_t size = TRY(node.int_or("size", 0));
  if (size < 1 || size > (1 << 20))
    return malformed("size is ", size, ", wanted is 1 to ", 1 << 20);
  Settings settings;
  settings.size = static_cast<std::size_t>(size);
  settings.alpha = TRY(node.float_or("alpha", 0.0001F));
  settings.beta = TRY(node.float_or("beta", 0.75F));
  settings.bias = TRY(node.float_or("bias", 1));
  return std::make_unique<Lrn>(settings);
}

}  // namespace torchkeep::runtime::kernels
