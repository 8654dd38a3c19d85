#include "torchkeep/runtime/kernels/tiled_step.h"

#include <algorithm>
#include <memory>

#include "torchkeep/runtime/kernels/shares.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kProductsAThread = 65536;  // below, waking a thread costs more
constexpr std::size_t kPiecesAThread = 16;       // of which a slower thread leaves some to others

/// What a step keeps: one run at a time.
struct Work {
  Tiles tiles;
  Shares shares;
  std::size_t piece = 0;  ///< Tiles.
};

}  // namespace

void plan_tiles(plan::Builder& builder, Tiles tiles, bool biased,
                std::vector<plan::BufferId> buffers) {
  const std::size_t inputs = tiles.inputs * tiles.taps;
  const std::size_t grain = 1 + kProductsAThread / (kTileRows * kTileColumns * inputs);
  const double flops = 2.0 * static_cast<double>(tiles.images * tiles.rows) *
                       static_cast<double>(inputs) * static_cast<double>(tiles.columns);
  const auto threads = static_cast<std::size_t>(builder.threads());
  const std::size_t tiles_in_all = tiles.work();
  // A plan's steps are copied; what they know of a shape is not.
  const auto work = std::make_shared<Work>(Work{std::move(tiles), Shares(threads)});
  work->piece = std::max(grain, tiles_in_all / (threads * kPiecesAThread));
  builder.step(
      std::move(buffers),
      [work, biased, threads](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        const float* bias = biased ? source<float>(memory, 2) : nullptr;
        float* to = target<float>(memory, biased ? 3 : 2);
        const std::size_t all = work->tiles.work(), pieces = (all + work->piece - 1) / work->piece;
        work->shares.deal(pieces);
        pool.parallel_for(
            std::min(threads, pieces), 1, [&](std::size_t, std::size_t, std::size_t thread) {
              while (const auto piece = work->shares.take(thread)) {
                const std::size_t first = *piece * work->piece;
                multiply_tiles(work->tiles, source<float>(memory, 0), source<float>(memory, 1),
                               bias, to, first, std::min(first + work->piece, all));
              }
            });
        return {};
      },
      flops);
}

}  // namespace torchkeep::runtime::kernels
