#include "torchkeep/cli/compare.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Tensor;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
Tensor tensor(DataType dtype, const std::vector<T>& values, runtime::Shape shape = {}) {
  if (shape.empty()) shape = {std::ssize(values)};
  Tensor out = Tensor::uninitialised(dtype, shape).value();
  std::copy(values.begin(), values.end(), out.elements<T>().begin());
  return out;
}
Tensor floats(const std::vector<float>& values) { return tensor(DataType::Float32, values); }

bool alike(float found, float wanted) {
  return !find_difference(floats({found}), floats({wanted}));
}

TEST(Compare, FloatsMayDifferByATolerance) {
  EXPECT_TRUE(alike(1.0009F, 1));
  EXPECT_FALSE(alike(1.0011F, 1));
  EXPECT_TRUE(alike(0.9e-7F, 0));
  EXPECT_FALSE(alike(1.1e-7F, 0));
  EXPECT_FALSE(alike(-1, 1));
  EXPECT_TRUE(alike(-0.0F, 0));
}

TEST(Compare, WhatIsSmallMayCarryTheRoundingOfTheLargestWhereThatIsSaid) {
  const Tensor wanted = floats({kInfinity, -100, 2e-6F});
  const auto difference = [&](float found, double of_largest) {
    return find_difference(floats({kInfinity, -100, found}), wanted, {.of_largest = of_largest});
  };
  EXPECT_TRUE(difference(0, 0));
  EXPECT_FALSE(difference(0, 0x1p-22));
  EXPECT_FALSE(difference(2e-5F, 0x1p-22));
  EXPECT_TRUE(difference(3e-5F, 0x1p-22));
}

TEST(Compare, NanIsLikeNanAndInfinitiesGoBySign) {
  EXPECT_TRUE(alike(kNan, kNan));
  EXPECT_TRUE(alike(kInfinity, kInfinity));
  EXPECT_FALSE(alike(kInfinity, -kInfinity));
  EXPECT_FALSE(alike(kNan, 1));
  EXPECT_FALSE(alike(1, kNan));
  EXPECT_FALSE(alike(1, kInfinity));
  EXPECT_FALSE(alike(std::numeric_limits<float>::max(), kInfinity));
}

TEST(Compare, IntegersAndTruthValuesAreExact) {
  const auto whole = [](std::int64_t value) {
    return tensor<std::int64_t>(DataType::Int64, {value});
  };
  EXPECT_FALSE(find_difference(whole(1'000'000), whole(1'000'000)));
  EXPECT_TRUE(find_difference(whole(1'000'001), whole(1'000'000)));
  const auto truth = [](std::uint8_t value) {
    return tensor<std::uint8_t>(DataType::Bool, {value});
  };
  EXPECT_THAT(find_difference(truth(1), truth(0)).value_or(""), HasSubstr("true, wanted false"));
}

TEST(Compare, TypesAndShapesMustBeTheSame) {
  const Tensor wanted = floats({1, 2});
  EXPECT_THAT(find_difference(tensor<double>(DataType::Float64, {1, 2}), wanted).value_or(""),
              HasSubstr("FP64"));
  EXPECT_THAT(
      find_difference(tensor<float>(DataType::Float32, {1, 2}, {1, 2}), wanted).value_or(""),
      HasSubstr("[1, 2], wanted is [2]"));
  EXPECT_TRUE(find_form_difference(floats({1}), wanted));
  EXPECT_FALSE(find_form_difference(floats({7, 8}), wanted));
}

TEST(Compare, SaysWhereTheWorstDifferenceIs) {
  const auto found = tensor<float>(DataType::Float32, {1, 2, 3, 9}, {2, 2});
  const auto wanted = tensor<float>(DataType::Float32, {1, 2.1F, 3, 4}, {2, 2});
  const std::string said = find_difference(found, wanted).value_or("");
  EXPECT_THAT(said, HasSubstr("2 of 4"));
  EXPECT_THAT(said, HasSubstr("[1, 1]: 9, wanted 4"));
}

TEST(Compare, EmptyTensorsAreAlike) {
  EXPECT_FALSE(find_difference(tensor<float>(DataType::Float32, {}, {0, 3}),
                               tensor<float>(DataType::Float32, {}, {0, 3})));
}

}  // namespace
}  // namespace torchkeep::cli
