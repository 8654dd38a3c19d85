#include "torchkeep/runtime/kernels/tiled_step.h"

#include <memory>

#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kProductsAThread = 65536;  // below, waking a thread costs more

}  // namespace

void plan_tiles(plan::Builder& builder, Tiles tiles, bool biased,
                std::vector<plan::BufferId> buffers) {
  const std::size_t inputs = tiles.inputs * tiles.taps;
  const std::size_t grain = 1 + kProductsAThread / (kTileRows * kTileColumns * inputs);
  const double flops = 2.0 * static_cast<double>(tiles.images * tiles.rows) *
                       static_cast<double>(inputs) * static_cast<double>(tiles.columns);
  // A plan's steps are copied; what they know of a shape is not.
  const auto shared = std::make_shared<const Tiles>(std::move(tiles));
  builder.step(
      std::move(buffers),
      [shared, biased, grain](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        const float* bias = biased ? source<float>(memory, 2) : nullptr;
        float* to = target<float>(memory, biased ? 3 : 2);
        pool.parallel_for(shared->work(), grain, [&](std::size_t first, std::size_t last) {
          multiply_tiles(*shared, source<float>(memory, 0), source<float>(memory, 1), bias, to,
                         first, last);
        });
        return {};
      },
      flops);
}

}  // namespace torchkeep::runtime::kernels
