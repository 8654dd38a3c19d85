#include "torchkeep/runtime/kernels/winograd_convolution.h"

#include <algorithm>
#include <memory>
#include <ranges>

#include "torchkeep/runtime/kernels/shares.h"
#include "torchkeep/runtime/kernels/types.h"
#include "torchkeep/runtime/kernels/winograd.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kDepth = kTileDepth;
constexpr std::int64_t kFewestChannels = 32;   // below, sums outweigh the products that are saved
constexpr std::int64_t kFewestPlaces = 128;    // below, the larger filters take longer to read
constexpr std::size_t kBlockFloats = 1 << 18;  // of a block: half a second-level cache
constexpr std::size_t kFewestPatches = 24;     // of a block, for which a panel is read
constexpr std::size_t kPiecesAThread = 2;

bool all_are(const Shape& numbers, std::int64_t wanted) {
  return std::ranges::all_of(numbers, [&](std::int64_t number) { return number == wanted; });
}

/// Blocks that caches hold and that threads can share evenly.
std::size_t block_patches(const Winograd& winograd, std::size_t threads) {
  const std::size_t patches = winograd.patches(), panels = winograd.panels();
  if (patches == 0) return kTileRows;
  const std::size_t most =
      std::max(kBlockFloats / (kPoints * (winograd.inputs + kTileColumns)), kTileRows);
  std::size_t blocks = (patches + most - 1) / most;
  const auto is_uneven = [&] {
    const std::size_t pieces = blocks * panels;
    return threads > 1 &&
           (pieces < kPiecesAThread * threads || (pieces % threads != 0 && pieces < 8 * threads));
  };
  while (is_uneven() && patches / (blocks + 1) >= kFewestPatches) ++blocks;
  return std::max((patches + blocks - 1) / blocks, kTileRows);
}

Winograd describe(const dnn::Convolution& convolution, bool last,
                  const graph::Activation& activation, std::size_t threads) {
  const auto size = [](std::int64_t number) { return static_cast<std::size_t>(number); };
  Winograd winograd;
  winograd.inputs = size(convolution.input[1]);
  winograd.outputs = size(convolution.output[1]);
  winograd.images = size(convolution.output[0]);
  winograd.input_height = size(convolution.input[2]);
  winograd.input_width = size(convolution.input[3]);
  winograd.output_height = size(convolution.output[2]);
  winograd.output_width = size(convolution.output[3]);
  winograd.pad_top = convolution.pads_begin[0];
  winograd.pad_left = convolution.pads_begin[1];
  winograd.input_place_step = last ? winograd.inputs : kTileDepth;
  winograd.input_depth_step =
      last ? kTileDepth : winograd.input_height * winograd.input_width * kTileDepth;
  winograd.output_place_step = last ? winograd.outputs : kTileDepth;
  winograd.output_depth_step =
      last ? kTileDepth : winograd.output_height * winograd.output_width * kTileDepth;
  winograd.add = convolution.epilogue.residual;
  winograd.activation = activation;
  winograd.block_patches = block_patches(winograd, threads);
  return winograd;
}

/// What a step keeps: one run at a time.
struct Work {
  Winograd winograd;
  Shares shares;
  std::vector<WinogradThread> threads;
};

}  // namespace

bool fits_winograd(const dnn::Convolution& convolution) {
  if (convolution.quantised || convolution.grouped || !has_tiles()) return false;
  const Shape& weights = convolution.weights;
  return weights.size() == 4 && weights[2] == 3 && weights[3] == 3 &&
         all_are(convolution.strides, 1) && all_are(convolution.dilations, 1) && weights[0] > 0 &&
         weights[1] > 0 && weights[0] % kDepth == 0 && weights[1] % kDepth == 0;
}

bool is_better_by_winograd(const dnn::Convolution& convolution) {
  const Shape& output = convolution.output;
  const std::int64_t outputs = convolution.weights[0], inputs = convolution.weights[1];
  constexpr std::int64_t kColumns = kTileColumns;
  // Columns that only fill a panel are multiplied with as well.
  const std::int64_t filling = (kColumns - outputs % kColumns) % kColumns;
  return outputs >= kFewestChannels && inputs >= kFewestChannels && filling <= outputs / 8 &&
         output[0] * output[2] * output[3] >= kFewestPlaces;
}

std::uint64_t winograd_growth(const dnn::Convolution& convolution) {
  const auto outputs = static_cast<std::size_t>(convolution.weights[0]),
             inputs = static_cast<std::size_t>(convolution.weights[1]);
  return (winograd_filter_floats(outputs, inputs) - outputs * inputs * 9) * sizeof(float);
}

Result<plan::BufferId> read_winograd_filters(plan::Builder& builder, Packed& packed) {
  const auto outputs = static_cast<std::size_t>(packed.shape()[0]),
             inputs = static_cast<std::size_t>(packed.shape()[1]);
  return packed.in_own_order(builder, winograd_filter_floats(outputs, inputs) * sizeof(float),
                             [&](ByteView from, MutableByteView to) {
                               transform_filters(reinterpret_cast<const float*>(from.data()),
                                                 outputs, inputs,
                                                 reinterpret_cast<float*>(to.data()));
                             });
}

Result<void> plan_winograd(plan::Builder& builder, const dnn::Convolution& convolution,
                           const dnn::Planned& planned, const graph::Activation& activation,
                           std::vector<plan::BufferId> buffers) {
  const auto threads = static_cast<std::size_t>(builder.threads());
  const bool last = planned.input == dnn::channels_last(convolution.input);
  const auto work = std::make_shared<Work>(
      Work{describe(convolution, last, activation, threads), Shares(threads), {}});
  const std::size_t scratch_floats = work->winograd.scratch_floats();
  work->threads.assign(threads, WinogradThread(work->winograd));
  buffers.push_back(TRY(builder.scratch(threads * scratch_floats * sizeof(float))));
  // As many as the definition has: what the model asks for, not what is saved.
  const double flops = 2.0 * static_cast<double>(work->winograd.images) *
                       static_cast<double>(convolution.output[2] * convolution.output[3]) * 9.0 *
                       static_cast<double>(work->winograd.inputs) *
                       static_cast<double>(work->winograd.outputs);
  builder.step(
      std::move(buffers),
      [work, biased = convolution.bias, threads, scratch_floats](std::span<std::byte* const> memory,
                                                                 Pool& pool) -> Result<void> {
        const float* bias = biased ? source<float>(memory, 2) : nullptr;
        const std::size_t result = biased ? 3 : 2, pieces = work->winograd.work();
        float* const scratch = target<float>(memory, result + 1);
        work->shares.deal(pieces);
        pool.parallel_for(
            std::min(threads, pieces), 1, [&](std::size_t, std::size_t, std::size_t index) {
              WinogradThread& thread = work->threads[index];
              thread.scratch = scratch + index * scratch_floats;
              thread.block.reset();
              while (const auto piece = work->shares.take(index)) {
                convolve_patches(work->winograd, source<float>(memory, 0), source<float>(memory, 1),
                                 bias, target<float>(memory, result), *piece, thread);
              }
            });
        return {};
      },
      flops);
  return {};
}

}  // namespace torchkeep::runtime::kernels
