#include "torchkeep/runtime/kernels/integer_conv.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/window_walk.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Sizes {
  std::size_t batch, groups, channels_in, channels_out;  ///< Channels of a group.
};

/// One row for each place of the window: what it sees of all channels; padding is 0.
void make_rows(const WindowWalk& walk, std::size_t channels, const std::int16_t* image,
               std::int16_t* rows, Pool& pool) {
  const std::size_t width = channels * walk.taps();
  pool.parallel_for(walk.places(), rows_a_thread(width), [&](std::size_t begin, std::size_t end) {
    for (std::size_t place = begin; place < end; ++place) {
      std::int16_t* row = rows + place * width;
      std::fill_n(row, width, std::int16_t{0});
      walk.visit(place, [&](std::size_t tap, std::size_t element) {
        for (std::size_t c = 0; c < channels; ++c)
          row[c * walk.taps() + tap] = image[c * walk.elements() + element];
      });
    }
  });
}

/// Memory order: image, weights, rows, sums.
plan::Action action_of(const WindowWalk& walk, const Sizes& sizes) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t width = sizes.channels_in * walk.taps();
    for (std::size_t i = 0; i < sizes.batch * sizes.groups; ++i) {
      make_rows(walk, sizes.channels_in,
                source<std::int16_t>(memory, 0) + i * sizes.channels_in * walk.elements(),
                target<std::int16_t>(memory, 2), pool);
      const std::size_t group = i % sizes.groups;
      multiply_rows(source<std::int16_t>(memory, 1) + group * sizes.channels_out * width,
                    sizes.channels_out, source<std::int16_t>(memory, 2), walk.places(), width,
                    target<std::int64_t>(memory, 3) + i * sizes.channels_out * walk.places(), pool);
    }
    return {};
  };
}

}  // namespace

Result<IntegerConv> read_integer_conv(NodeReader& node) {
  IntegerConv conv;
  conv.window = TRY(read_window(node));
  conv.groups = TRY(node.int_or("group", 1));
  if (conv.groups < 1 || conv.groups > (1 << 20))
    return malformed("group is ", conv.groups, ", wanted is 1 to ", 1 << 20);
  return conv;
}

Result<ConvSums> plan_integer_conv(plan::Builder& builder, const IntegerConv& wanted) {
  const Shape &image = builder.input(wanted.image).shape,
              &weights = builder.input(wanted.weights).shape;
  const std::int64_t groups = wanted.groups;
  if (image.size() < 3 || image.size() > 5 || weights.size() != image.size() ||
      image[1] != weights[1] * groups || weights[0] == 0 || weights[0] % groups != 0)
    return malformed("weights of shape ", describe(weights), " in ", groups,
                     " groups do not fit an image of shape ", describe(image));
  const Shape spatial(image.begin() + 2, image.end());
  const PlacedWindow placed =
      TRY(place_window(wanted.window, Shape(weights.begin() + 2, weights.end()), spatial));
  const WindowWalk walk(placed, spatial);
  ConvSums made{0, {image[0], weights[0]}, extent(image, 0, 1), extent(weights, 0, 1), 1};
  made.output.insert(made.output.end(), placed.output.begin(), placed.output.end());
  const std::uint64_t count = TRY(element_count(made.output));
  made.places = walk.places();
  const std::int64_t width = weights[1] * static_cast<std::int64_t>(walk.taps());
  const std::uint64_t seen = TRY(element_count({static_cast<std::int64_t>(made.places), width}));
  const plan::BufferId from = TRY(without_zeros(
      builder, {wanted.image, wanted.image_zero, 1, 1, extent(image, 0, image.size()), false}));
  const plan::BufferId with =
      TRY(without_zeros(builder, {wanted.weights, wanted.weights_zero, 1, made.channels,
                                  static_cast<std::size_t>(width), false}));
  const plan::BufferId rows = TRY(builder.scratch(seen * sizeof(std::int16_t)));
  made.sums = TRY(builder.scratch(count * sizeof(std::int64_t)));
  const auto parts = static_cast<std::size_t>(groups);
  builder.step({from, with, rows, made.sums},
               action_of(walk, {made.batch, parts, extent(weights, 1, 2), made.channels / parts}));
  return made;
}

}  // namespace torchkeep::runtime::kernels
