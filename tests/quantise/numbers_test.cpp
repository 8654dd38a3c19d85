#include "torchkeep/quantise/numbers.h"

#include <cmath>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torchkeep::quantise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> seeded(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

int number_of_four(const Numbers& made, std::size_t at) {
  const int value = made.bytes[at / 2] >> (at % 2 == 0 ? 0 : 4) & 0xf;
  return value > 7 ? value - 16 : value;
}

TEST(Numbers, OfAChannelAreHalfAStepAwayAtMost) {
  for (const Lying& lying : {Lying{1, 5, 27}, Lying{9, 7, 1}, Lying{2, 3, 4}, Lying{1, 1, 1}}) {
    const std::vector<float> floats = seeded(lying.count(), 3);
    const Numbers made = quantise_channels(floats, lying).value();
    ASSERT_EQ(made.scales.size(), lying.channels);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      const float scale = made.scales[i / lying.inner % lying.channels];
      const auto number = static_cast<std::int8_t>(made.bytes[i]);
      ASSERT_NEAR(number * scale, floats[i], 0.5001F * scale) << i;
      ASSERT_GE(number, -127);
    }
  }
}

TEST(Numbers, OfABlockAreHalfAStepAwayAtMost) {
  for (const bool along_rows : {false, true}) {
    constexpr std::size_t kRows = 37, kColumns = 21, kBlock = 16;  // the last block is cut short
    const std::vector<float> floats = seeded(kRows * kColumns, 5);
    const Numbers made = quantise_blocks(floats, kRows, kColumns, kBlock, along_rows).value();
    ASSERT_EQ(made.scales.size(), along_rows ? kRows * 2 : 3 * kColumns);
    ASSERT_EQ(made.bytes.size(), (kRows * kColumns + 1) / 2);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      const std::size_t row = i / kColumns, column = i % kColumns;
      const float scale =
          made.scales[along_rows ? row * 2 + column / kBlock : row / kBlock * kColumns + column];
      ASSERT_NEAR(static_cast<float>(number_of_four(made, i)) * scale, floats[i], 0.5001F * scale);
    }
  }
}

// Or thousands of weights would all move the sum of their products the same way.
TEST(Numbers, OfABlockLeanToNeitherSide) {
  std::vector<float> floats = seeded(96 * 7, 6);
  for (const bool along_rows : {true, false}) {
    const Numbers made = quantise_blocks(floats, 7, 96, 32, along_rows).value();
    for (float& value : floats) value = -value;
    const Numbers turned = quantise_blocks(floats, 7, 96, 32, along_rows).value();
    EXPECT_EQ(made.scales, turned.scales);
    for (std::size_t i = 0; i < floats.size(); ++i)
      ASSERT_EQ(number_of_four(made, i), -number_of_four(turned, i)) << i;
  }
}

TEST(Numbers, OfNothingButZerosAreZeros) {
  const std::vector<float> floats{0, 0, 1e-20F, 2};
  const Numbers made = quantise_channels(floats, {1, 2, 2}).value();
  EXPECT_THAT(made.bytes, ElementsAre(0, 0, 0, 127));
  EXPECT_EQ(made.scales[0], 1) << "a quotient by it must be a number";
}

TEST(Numbers, WeightsThatAreNoNumbersAreRefused) {
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (std::size_t place = 0; place < 12; ++place) {
      std::vector<float> floats = seeded(12, 1);
      floats[place] = odd;
      const auto channels = quantise_channels(floats, {1, 3, 4});
      const auto blocks = quantise_blocks(floats, 3, 4, 16, true);
      ASSERT_FALSE(channels.ok());
      ASSERT_FALSE(blocks.ok());
      EXPECT_EQ(channels.error().code, ErrorCode::Malformed);
      EXPECT_THAT(channels.error().message, HasSubstr(text("element ", place, " is ")));
      EXPECT_THAT(blocks.error().message, HasSubstr(text("element ", place, " is ")));
    }
  }
}

TEST(Numbers, ABiasThatIsTooLargeForItsUnitIsNone) {
  EXPECT_THAT(*quantise_bias(std::vector<float>{1, -0.5F}, 0.5F, std::vector<float>{0.25F, 1}),
              ElementsAre(8, -1));
  EXPECT_FALSE(quantise_bias(std::vector<float>{1e10F}, 0.1F, std::vector<float>{0.1F}));
  EXPECT_FALSE(quantise_bias(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}, 1,
                             std::vector<float>{1}));
}

TEST(Numbers, ARangeHasAPlaceForZero) {
  EXPECT_EQ((Range{0, 6}.zero()), 0);
  EXPECT_EQ((Range{-6, 0}.zero()), 255);
  EXPECT_EQ((Range{-1, 4}.zero()), 51);
  EXPECT_FLOAT_EQ((Range{-1, 4}.scale()), 5.0F / 255);
  EXPECT_TRUE((Range{0, 0}.empty()));
  EXPECT_TRUE((Range{0, 1e-20F}.empty())) << "whose scale is no ordinary float";
  EXPECT_FALSE((Range{0, 1e-3F}.empty()));
}

TEST(Numbers, AMatrixIsTurned) {
  EXPECT_THAT(turn(std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}, 2, 3),
              ElementsAre(1, 4, 2, 5, 3, 6));
}

}  // namespace
}  // namespace torchkeep::quantise
