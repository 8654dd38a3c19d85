#include "torchkeep/runtime/kernels/tiled_step.h"

#include <algorithm>
#include <memory>

#include "torchkeep/runtime/kernels/shares.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kProductsAThread = 65536;  // below, waking a thread costs more
constexpr std::size_t kTakesAThread = 8;  // at least, of which a slower one leaves some to others

// Inputs of all rows that are worth going through in slices: more than half a second-level cache,
// so that each panel of weights would drive out what the next one wants.
constexpr std::size_t kManyInputs = 1 << 18;
constexpr std::size_t kSlice = 768;  // inputs of a row: what the loop multiplies with in one pass

std::size_t slice_of(const Tiles& tiles) {
  if (tiles.taps > 1 || tiles.inputs < 2 * kSlice ||
      tiles.images * tiles.rows <= kManyInputs / tiles.inputs)
    return tiles.inputs;
  const std::size_t slices = (tiles.inputs + kSlice - 1) / kSlice,
                    even = (tiles.inputs + slices - 1) / slices;
  return (even + kTileDepth - 1) / kTileDepth * kTileDepth;
}

/// What a step keeps: one run at a time.
struct Work {
  Tiles tiles;
  Shares shares;
  std::size_t piece;  ///< Tiles.
  std::size_t most;   ///< Pieces that a thread takes at once.
  bool biased;
  std::size_t input_offset, weights_offset;  ///< Floats.
};

/// Adds a step for `inputs` of each row, from `first` on. `biased`: whether a bias is there.
void plan_slice(plan::Builder& builder, Tiles tiles, bool biased, std::size_t first,
                std::size_t inputs, const std::vector<plan::BufferId>& buffers) {
  const std::size_t depth = inputs * tiles.taps;
  const bool is_last = first + inputs == tiles.inputs;
  tiles.inputs = inputs;
  tiles.add = tiles.add || first > 0;
  if (!is_last) tiles.activation = {};
  const std::size_t grain = 1 + kProductsAThread / (kTileRows * kTileColumns * depth);
  const double flops = 2.0 * static_cast<double>(tiles.images * tiles.rows) *
                       static_cast<double>(depth) * static_cast<double>(tiles.columns);
  const auto threads = static_cast<std::size_t>(builder.threads());
  const std::size_t tiles_in_all = tiles.work(), pieces = (tiles_in_all + grain - 1) / grain,
                    most = std::max<std::size_t>(pieces / (threads * kTakesAThread), 1);
  const std::size_t input_offset = first / kTileDepth * tiles.depth_step,
                    weights_offset = first * kTileColumns;
  // A plan's steps are copied; what they know of a shape is not.
  const auto work =
      std::make_shared<Work>(Work{std::move(tiles), Shares(threads), grain, most,
                                  biased && first == 0, input_offset, weights_offset});
  builder.step(
      buffers,
      [work, threads, pieces, result = biased ? 3U : 2U](std::span<std::byte* const> memory,
                                                         Pool& pool) -> Result<void> {
        const float* const input = source<float>(memory, 0) + work->input_offset;
        const float* const weights = source<float>(memory, 1) + work->weights_offset;
        const float* const bias = work->biased ? source<float>(memory, 2) : nullptr;
        float* const to = target<float>(memory, result);
        const std::size_t all = work->tiles.work();
        work->shares.deal(pieces);
        pool.parallel_for(
            std::min(threads, pieces), 1, [&](std::size_t, std::size_t, std::size_t thread) {
              while (const auto some = work->shares.take(thread, work->most)) {
                multiply_tiles(work->tiles, input, weights, bias, to, some->first * work->piece,
                               std::min(some->last * work->piece, all));
              }
            });
        return {};
      },
      flops);
}

}  // namespace

void plan_tiles(plan::Builder& builder, const Tiles& tiles, bool biased,
                const std::vector<plan::BufferId>& buffers) {
  const std::size_t slice = slice_of(tiles);
  std::size_t first = 0;
  do {
    const std::size_t inputs = std::min(slice, tiles.inputs - first);
    plan_slice(builder, tiles, biased, first, inputs, buffers);
    first += inputs;
  } while (first < tiles.inputs);
}

}  // namespace torchkeep::runtime::kernels
