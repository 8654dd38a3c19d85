#include "torchkeep/quantise/numbers.h"

#include <algorithm>
#include <cmath>

namespace torchkeep::quantise {
namespace {

constexpr float kMostOfEight = 127;
// The largest float of a block becomes 7 or -7, half a step nearer to zero: no number is more than
// half a step off, and the steps are smaller than with 7. As -8 it would be as near, but then the
// largest of each block would move down, whatever its sign, and thousands of them add up.
constexpr float kMostOfFour = 7.5F;
// Below, quotients and products of scales are no ordinary floats; such weights are zeros.
constexpr float kLeastScale = 1e-12F;

Result<void> check_finite(std::span<const float> floats) {
  // A sum of products with 0 is 0 for all but NaN and infinities, and is fast.
  float sum = 0;
  for (const float value : floats) sum += value * 0.0F;
  if (sum == 0) return {};
  const auto odd = std::ranges::find_if(floats, [](float value) { return !std::isfinite(value); });
  return malformed("element ", odd - floats.begin(), " is ", std::isnan(*odd) ? "NaN" : "infinite",
                   ": such a model computes no numbers; mend it before it is quantised");
}

float scale_of(float largest, float most) {
  const float scale = largest / most;
  return scale < kLeastScale ? 1.0F : scale;  // all but zeros: then any scale will do
}

std::int8_t nearest(float value, float scale, float least, float most) {
  return static_cast<std::int8_t>(std::clamp(std::nearbyint(value / scale), least, most));
}

}  // namespace

Result<Numbers> quantise_channels(std::span<const float> floats, const Lying& lying) {
  TORCHKEEP_CHECK(floats.size() == lying.count());
  TRY(check_finite(floats));
  Numbers made{SecretBuffer(floats.size()), std::vector<float>(lying.channels, 0)};
  const auto row_of = [&](std::size_t o, std::size_t c) {
    return (o * lying.channels + c) * lying.inner;
  };
  for (std::size_t o = 0; o < lying.outer; ++o) {
    for (std::size_t c = 0; c < lying.channels; ++c) {
      for (const float value : floats.subspan(row_of(o, c), lying.inner))
        made.scales[c] = std::max(made.scales[c], std::abs(value));
    }
  }
  for (float& scale : made.scales) scale = scale_of(scale, kMostOfEight);
  for (std::size_t o = 0; o < lying.outer; ++o) {
    for (std::size_t c = 0; c < lying.channels; ++c) {
      const float scale = made.scales[c];
      for (std::size_t at = row_of(o, c), end = at + lying.inner; at < end; ++at) {
        made.bytes[at] =
            static_cast<std::uint8_t>(nearest(floats[at], scale, -kMostOfEight, kMostOfEight));
      }
    }
  }
  return made;
}

Result<Numbers> quantise_blocks(std::span<const float> floats, std::size_t rows,
                                std::size_t columns, std::size_t block, bool along_rows) {
  TORCHKEEP_CHECK(floats.size() == rows * columns && block > 0);
  TRY(check_finite(floats));
  const std::size_t side = along_rows ? columns : rows, blocks = (side + block - 1) / block;
  Numbers made{SecretBuffer((floats.size() + 1) / 2),
               std::vector<float>(blocks * (along_rows ? rows : columns), 0)};
  const auto place = [&](std::size_t row, std::size_t column) {
    return along_rows ? row * blocks + column / block : row / block * columns + column;
  };
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      float& scale = made.scales[place(row, column)];
      scale = std::max(scale, std::abs(floats[row * columns + column]));
    }
  }
  for (float& scale : made.scales) scale = scale_of(scale, kMostOfFour);
  std::ranges::fill(made.bytes, std::uint8_t{0});
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t at = row * columns + column;
      const int number = nearest(floats[at], made.scales[place(row, column)], -7, 7) & 0xf;
      made.bytes[at / 2] |= static_cast<std::uint8_t>(number << (at % 2 == 0 ? 0 : 4));
    }
  }
  return made;
}

SecretBuffer turn(ByteView numbers, std::size_t rows, std::size_t columns) {
  TORCHKEEP_CHECK(numbers.size() == rows * columns);
  SecretBuffer turned(numbers.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column)
      turned[column * rows + row] = numbers[row * columns + column];
  }
  return turned;
}

std::uint8_t Range::zero() const {
  return static_cast<std::uint8_t>(std::clamp(std::nearbyint(-low / scale()), 0.0F, 255.0F));
}

std::optional<std::vector<std::int32_t>> quantise_bias(std::span<const float> bias,
                                                       float input_scale,
                                                       std::span<const float> scales) {
  TORCHKEEP_CHECK(bias.size() == scales.size());
  constexpr double kMost = 1 << 30;  // sums are added to it
  std::vector<std::int32_t> numbers;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double number = std::nearbyint(double{bias[i]} / (double{input_scale} * scales[i]));
    if (!(std::abs(number) <= kMost)) return std::nullopt;
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  return numbers;
}

}  // namespace torchkeep::quantise
