// DeformConv-19, DeformConv-22: https://onnx.ai/onnx/operators/onnx__DeformConv.html
// Images of two dimensions. What each place of the window sees is interpolated into a column; the
// columns of a group are then one product with its weights.
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"
#include "torchkeep/runtime/kernels/window.h"

namespace torchkeep::runtime::kernels {
namespace {

enum Input : std::size_t { kImage, kWeights, kOffsets, kBias, kMask };

struct Sizes {
  std::size_t batch, channels, height, width;  ///< Of the image.
  std::size_t made, groups, offset_groups;  ///< Channels of the result, and how they are grouped.
  std::size_t kernel_height, kernel_width, rows, columns;  ///< Of the window and of the result.
  std::int64_t strides[2], dilations[2], pads[2];

  std::size_t taps() const { return kernel_height * kernel_width; }
  std::size_t places() const { return rows * columns; }
};

/// Between four neighbours, those outside of the plane being 0.
float sample(const float* plane, const Sizes& sizes, float y, float x) {
  const auto height = static_cast<float>(sizes.height), width = static_cast<float>(sizes.width);
  if (!(y > -1 && y < height && x > -1 && x < width)) return 0;  // also for what is no number
  const float top = std::floor(y), left = std::floor(x), low = y - top, far = x - left;
  const auto at = [&](float row, float column) {
    if (row < 0 || row >= height || column < 0 || column >= width) return 0.0F;
    return plane[static_cast<std::size_t>(row) * sizes.width + static_cast<std::size_t>(column)];
  };
  return (1 - low) * ((1 - far) * at(top, left) + far * at(top, left + 1)) +
         low * ((1 - far) * at(top + 1, left) + far * at(top + 1, left + 1));
}

/// One row of `columns` for a channel and a tap: what the window sees there at all places.
void make_row(const Sizes& sizes, const float* plane, const float* offsets, const float* mask,
              std::size_t tap, float* row) {
  const auto along = [&](std::size_t dimension, std::size_t place, std::size_t step) {
    return static_cast<float>(static_cast<std::int64_t>(place) * sizes.strides[dimension] -
                              sizes.pads[dimension] +
                              static_cast<std::int64_t>(step) * sizes.dilations[dimension]);
  };
  const float *down = offsets + 2 * tap * sizes.places(), *right = down + sizes.places();
  for (std::size_t place = 0; place < sizes.places(); ++place) {
    const float y = along(0, place / sizes.columns, tap / sizes.kernel_width) + down[place],
                x = along(1, place % sizes.columns, tap % sizes.kernel_width) + right[place];
    row[place] =
        sample(plane, sizes, y, x) * (mask == nullptr ? 1 : mask[tap * sizes.places() + place]);
  }
}

/// Memory order: image, weights, offsets, bias and mask or nothing, result, columns of one image.
plan::Action action_of(const Sizes& sizes, bool has_bias, bool has_mask) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t taps = sizes.taps(), places = sizes.places();
    const std::size_t width = sizes.channels / sizes.groups * taps,
                      made = sizes.made / sizes.groups;
    float* columns = target<float>(memory, 6);
    for (std::size_t n = 0; n < sizes.batch; ++n) {
      pool.parallel_for(sizes.channels * taps, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          const std::size_t channel = i / taps;
          const std::size_t group =
              n * sizes.offset_groups + channel / (sizes.channels / sizes.offset_groups);
          make_row(sizes,
                   source<float>(memory, kImage) +
                       (n * sizes.channels + channel) * sizes.height * sizes.width,
                   source<float>(memory, kOffsets) + group * 2 * taps * places,
                   has_mask ? source<float>(memory, kMask) + group * taps * places : nullptr,
                   i % taps, columns + i * places);
        }
      });
      pool.parallel_for(sizes.made, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t o = begin; o < end; ++o) {
          const float* weights = source<float>(memory, kWeights) + o * width;
          const float* rows = columns + o / made * width * places;
          float* to = target<float>(memory, 5) + (n * sizes.made + o) * places;
          std::fill_n(to, places, has_bias ? source<float>(memory, kBias)[o] : 0.0F);
          for (std::size_t k = 0; k < width; ++k) {
            for (std::size_t place = 0; place < places; ++place)
              to[place] += weights[k] * rows[k * places + place];
          }
        }
      });
    }
    return {};
  };
}

class DeformConv final : public Kernel {
 public:
  DeformConv(Window window, std::int64_t groups, std::int64_t offset_groups)
      : window_(std::move(window)), groups_(groups), offset_groups_(offset_groups) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i <= kMask; ++i) {
      if (builder.has_input(i)) TRY(expect_float(builder, i));
    }
    TRY(expect_rank(builder, kImage, 4));
    TRY(expect_rank(builder, kWeights, 4));
    const Shape &image = builder.input(kImage).shape, &weights = builder.input(kWeights).shape;
    if (image[1] != weights[1] * groups_ || weights[0] == 0 || weights[0] % groups_ != 0 ||
        image[1] == 0 || image[1] % offset_groups_ != 0)
      return malformed("weights of shape ", describe(weights), " in ", groups_, " groups and ",
                       offset_groups_, " groups of offsets do not fit an image of shape ",
                       describe(image));
    const PlacedWindow placed =
        TRY(place_window(window_, {weights[2], weights[3]}, std::span(image).subspan(2)));
    const Sizes sizes{extent(image, 0, 1),
                      extent(image, 1, 2),
                      extent(image, 2, 3),
                      extent(image, 3, 4),
                      extent(weights, 0, 1),
                      static_cast<std::size_t>(groups_),
                      static_cast<std::size_t>(offset_groups_),
                      extent(weights, 2, 3),
                      extent(weights, 3, 4),
                      extent(placed.output, 0, 1),
                      extent(placed.output, 1, 2),
                      {placed.strides[0], placed.strides[1]},
                      {placed.dilations[0], placed.dilations[1]},
                      {placed.pads_begin[0], placed.pads_begin[1]}};
    const std::int64_t taps = dimension(sizes.taps());
    const auto expect_shape = [&](std::size_t input, const Shape& wanted) -> Result<void> {
      if (!builder.has_input(input) || builder.input(input).shape == wanted) return {};
      return malformed("input ", input, " has shape ", describe(builder.input(input).shape),
                       ", wanted is ", describe(wanted));
    };
    const Shape &out = placed.output, output{image[0], weights[0], out[0], out[1]};
    TRY(check_shape(output));
    TRY(expect_shape(kOffsets, {image[0], offset_groups_ * 2 * taps, out[0], out[1]}));
    TRY(expect_shape(kBias, {weights[0]}));
    TRY(expect_shape(kMask, {image[0], offset_groups_ * taps, out[0], out[1]}));
    const std::uint64_t columns =
        TRY(byte_count(DataType::Float32, {image[1] * taps, out[0], out[1]}));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i <= kMask; ++i)
      buffers.push_back(builder.has_input(i) ? TRY(builder.read(i)) : builder.keep({}, nullptr));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, output)));
    buffers.push_back(TRY(builder.scratch(columns)));
    builder.step(std::move(buffers),
                 action_of(sizes, builder.has_input(kBias), builder.has_input(kMask)));
    return {};
  }

 private:
  Window window_;
  std::int64_t groups_, offset_groups_;
};

}  // namespace

Result<KernelPointer> make_deform_conv(NodeReader& node) {
  Window window = TRY(read_window(node));
  const std::int64_t groups = TRY(node.int_or("group", 1)),
                     offset_groups = TRY(node.int_or("offset_group", 1));
  for (const std::int64_t count : {groups, offset_groups}) {
    if (count < 1 || count > (1 << 20))
      return malformed("group or offset_group is ", count, ", wanted is 1 to ", 1 << 20);
  }
  return std::make_unique<DeformConv>(std::move(window), groups, offset_groups);
}

}  // namespace torchkeep::runtime::kernels
