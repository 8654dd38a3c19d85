// ConvInteger-10: https://onnx.ai/onnx/operators/onnx__ConvInteger.html
// What dynamic quantisation writes: weights are parameters, the image's zero point is computed.
//
//   sum (x - a) (w - b) = sum x w - a sum w - b (sum x - a n)      over the n numbers of a window
//
// oneDNN makes the first sum. So that the others hold at the rim too, padding is written out, as
// the image's zero point. INT8 images and UINT8 weights are moved by 128, and their zero points.
#include "torchkeep/runtime/kernels/packed_conv_integer.h"

#include <algorithm>
#include <memory>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/packed.h"
#include "torchkeep/runtime/kernels/packed_conv_steps.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::uint8_t kMiddle = 128;
// oneDNN's kernels of another name make floats of sums before they write them, which hold 2^24.
constexpr std::size_t kMostInFloats = (std::size_t{1} << 24) / (255 * 128);

bool is_exact(std::string_view implementation, std::size_t products) {
  return products <= kMostInFloats || implementation.starts_with("brg");
}

/// What is known of each output channel: the sum of its weights, and their zero point.
struct Channels {
  std::shared_ptr<SecretBytes> sums, zeros;  ///< int32 each.
  bool around_zero = true;
};

std::span<std::int32_t> numbers(SecretBytes& bytes) {
  return {reinterpret_cast<std::int32_t*>(bytes.expose().data()),
          bytes.size() / sizeof(std::int32_t)};
}

class PackedConvInteger final : public Kernel {
 public:
  PackedConvInteger(const IntegerConv& conv, const std::shared_ptr<graph::Constant>& weights,
                    Channels channels)
      : conv_(conv),
        weights_(weights->shape()),
        channels_(std::move(channels)),
        packed_(weights, grouped(weights_, conv.groups)) {}

  bool packs(std::size_t input) const override { return input == 1 || input == 3; }
  std::uint64_t packed_bytes() const override { return packed_.bytes(); }

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand image = builder.input(0);
    if (image.dtype != DataType::UInt8 && image.dtype != DataType::Int8)
      return malformed("input 0 is ", name_of(image.dtype), ", wanted is UINT8 or INT8");
    if (image.shape.size() != weights_.size() || image.shape[1] != weights_[1] * conv_.groups)
      return malformed("weights of shape ", describe(weights_), " in ", conv_.groups,
                       " groups do not fit an image of shape ", describe(image.shape));
    TRY(check_zero(builder));
    const Shape spatial(image.shape.begin() + 2, image.shape.end());
    PlacedWindow placed =
        TRY(place_window(conv_.window, Shape(weights_.begin() + 2, weights_.end()), spatial));
    dnn::Convolution wanted;
    wanted.input = {image.shape[0], image.shape[1]};
    ByteImage seen{
        extent(image.shape, 0, 1), extent(image.shape, 1, 2), spatial, placed.pads_begin, {}};
    for (std::size_t d = 0; d < spatial.size(); ++d)
      seen.padded.push_back(spatial[d] + placed.pads_begin[d] + placed.pads_end[d]);
    wanted.input.insert(wanted.input.end(), seen.padded.begin(), seen.padded.end());
    wanted.weights = packed_.shape();
    wanted.output = {image.shape[0], weights_[0]};
    wanted.output.insert(wanted.output.end(), placed.output.begin(), placed.output.end());
    const std::uint64_t count = TRY(element_count(wanted.output));
    TRY(element_count(wanted.input));
    if (count == 0) {
      builder.step({TRY(builder.write(0, DataType::Int32, wanted.output))},
                   [](std::span<std::byte* const>, Pool&) -> Result<void> { return {}; });
      return {};
    }
    placed.pads_begin = placed.pads_end = Shape(spatial.size(), 0);
    wanted.strides = placed.strides;
    wanted.dilations = placed.dilations;
    wanted.pads_begin = wanted.pads_end = placed.pads_begin;
    wanted.grouped = conv_.groups != 1;
    wanted.quantised = dnn::Quantised{DataType::UInt8, DataType::Int32, 0, 0, {1}, 1, 1};
    const std::uint8_t flip = image.dtype == DataType::Int8 ? kMiddle : 0;
    const plan::BufferId padded = TRY(pad(builder, seen, wanted.input, flip));
    const plan::BufferId sums = TRY(convolve(builder, wanted, padded, count));
    return end(builder, seen, placed, wanted, padded, sums, flip);
  }

 private:
  static Shape grouped(Shape shape, std::int64_t groups) {
    if (groups == 1) return shape;
    shape[0] /= groups;
    shape.insert(shape.begin(), groups);
    return shape;
  }

  std::size_t products() const { return extent(weights_, 1, weights_.size()); }

  static Result<void> check_zero(const plan::Builder& builder) {
    if (!builder.has_input(2)) return {};
    const plan::Operand& zero = builder.input(2);
    if (zero.dtype == builder.input(0).dtype && TRY(element_count(zero.shape)) == 1) return {};
    return malformed("zero points of ", name_of(zero.dtype), " ", describe(zero.shape),
                     " do not fit input 0 of ", name_of(builder.input(0).dtype), " ",
                     describe(builder.input(0).shape));
  }

  /// The image's zero point, or nothing.
  static Result<plan::BufferId> zero(plan::Builder& builder) {
    if (!builder.has_input(2)) return builder.keep({}, nullptr);
    return builder.read(2);
  }

  /// Channels last, as UINT8, with its padding.
  static Result<plan::BufferId> pad(plan::Builder& builder, const ByteImage& image,
                                    const Shape& shape, std::uint8_t flip) {
    const plan::Operand& input = builder.input(0);
    const plan::BufferId from = TRY(builder.read(0, dnn::channels_last(input.shape, input.dtype)));
    if (flip == 0 && image.padded == image.spatial) return from;
    const plan::BufferId to = TRY(builder.scratch(TRY(byte_count(DataType::UInt8, shape))));
    builder.step({from, TRY(zero(builder)), to}, padding_action(image, flip, builder.has_input(2)));
    return to;
  }

  Result<plan::BufferId> convolve(plan::Builder& builder, const dnn::Convolution& wanted,
                                  plan::BufferId image, std::uint64_t count) {
    const dnn::Layout input = dnn::channels_last(wanted.input, DataType::UInt8);
    dnn::Planned planned =
        TRY(dnn::make_convolution(builder.machine(), wanted, input, packed_.layout()));
    if (planned.input != input ||
        planned.output != dnn::channels_last(wanted.output, DataType::Int32) ||
        !is_exact(planned.primitive.implementation(), products()))
      return malformed("oneDNN's ", planned.primitive.implementation(),
                       " does not convolve an image of shape ", describe(wanted.input), " exactly");
    const plan::BufferId weights = TRY(packed_.in_layout(builder, planned.weights)),
                         sums = TRY(builder.scratch(count * sizeof(std::int32_t)));
    TRY(builder.step({image, weights, sums}, std::move(planned.primitive)));
    return sums;
  }

  Result<void> end(plan::Builder& builder, const ByteImage& image, const PlacedWindow& placed,
                   const dnn::Convolution& wanted, plan::BufferId padded, plan::BufferId sums,
                   std::uint8_t flip) {
    const auto groups = static_cast<std::size_t>(conv_.groups);
    const WindowWalk walk(placed, image.padded);
    plan::BufferId windows = builder.keep({}, nullptr);
    if (!channels_.around_zero) {
      const plan::BufferId each =
          TRY(builder.scratch(image.batch * walk.elements() * groups * sizeof(std::int32_t)));
      windows = TRY(builder.scratch(image.batch * walk.places() * groups * sizeof(std::int32_t)));
      builder.step({padded, each, windows},
                   window_sums_action(walk, image.batch, groups, image.channels / groups));
    }
    const ConvEnding ending{
        image.batch, extent(weights_, 0, 1), walk.places(),        groups, products(),
        flip,        builder.has_input(2),   channels_.around_zero};
    const plan::BufferId to = TRY(builder.write(0, DataType::Int32, wanted.output));
    builder.step(
        {sums, builder.keep(channels_.sums->expose(), channels_.sums),
         builder.keep(channels_.zeros->expose(), channels_.zeros), windows, TRY(zero(builder)), to},
        ending_action(ending));
    return {};
  }

  IntegerConv conv_;
  Shape weights_;
  Channels channels_;
  Packed packed_;
};

/// None if zero points are not one, or one for each channel, of the weights' type.
std::optional<Channels> read_channels(const NodeReader& node, const graph::Constant& weights) {
  const std::size_t count = extent(weights.shape(), 0, 1), each = weights.bytes().size() / count;
  const bool is_signed = weights.dtype() == DataType::Int8;
  const auto number = [&](std::uint8_t byte) {
    return is_signed ? std::int32_t{static_cast<std::int8_t>(byte)} : std::int32_t{byte} - kMiddle;
  };
  Channels made{std::make_shared<SecretBytes>(count * sizeof(std::int32_t)),
                std::make_shared<SecretBytes>(count * sizeof(std::int32_t))};
  std::ranges::fill(numbers(*made.zeros), is_signed ? 0 : -std::int32_t{kMiddle});
  if (node.has_input(3)) {
    const std::shared_ptr<const graph::Constant> zeros = node.constant(3);
    if (!zeros || zeros->dtype() != weights.dtype()) return std::nullopt;
    const ByteView bytes = zeros->bytes();
    if (bytes.size() != 1 && bytes.size() != count) return std::nullopt;
    for (std::size_t c = 0; c < count; ++c)
      numbers(*made.zeros)[c] = number(bytes[bytes.size() == 1 ? 0 : c]);
  }
  made.around_zero =
      std::ranges::all_of(numbers(*made.zeros), [](std::int32_t zero) { return zero == 0; });
  for (std::size_t c = 0; c < count; ++c) {
    std::uint32_t sum = 0;
    for (const std::uint8_t byte : weights.bytes().subspan(c * each, each))
      sum += static_cast<std::uint32_t>(number(byte));
    numbers(*made.sums)[c] = static_cast<std::int32_t>(sum);
  }
  return made;
}

}  // namespace

Result<KernelPointer> make_packed_conv_integer(const NodeReader& node, const IntegerConv& conv) {
  std::shared_ptr<graph::Constant> weights = node.constant(1);
  if (!dnn::Machine::multiplies_bytes() || !weights || weights->bytes().empty())
    return KernelPointer();
  const Shape& shape = weights->shape();
  const bool is_byte = weights->dtype() == DataType::Int8 || weights->dtype() == DataType::UInt8;
  if (!is_byte || shape.size() < 3 || shape.size() > 5 || shape[0] % conv.groups != 0)
    return KernelPointer();
  if (extent(shape, 1, shape.size()) > kMostInFloats && !has_wide_vectors()) return KernelPointer();
  std::optional<Channels> channels = read_channels(node, *weights);
  if (!channels) return KernelPointer();
  if (weights->dtype() == DataType::UInt8) {
    const std::shared_ptr<graph::Constant> moved =
        TRY(graph::Constant::make(DataType::Int8, shape));
    std::ranges::transform(std::as_const(*weights).bytes(), moved->bytes().begin(),
                           [](std::uint8_t byte) { return byte ^ kMiddle; });
    weights = moved;
  }
  return KernelPointer(std::make_unique<PackedConvInteger>(conv, weights, std::move(*channels)));
}

}  // namespace torchkeep::runtime::kernels
