#include "torchkeep/cli/ordinary_input.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Port;
using runtime::Shape;

const Port kTokens{"tokens", DataType::Int64, {-1, -1, 4}};

TEST(OrdinaryInput, OpenDimensionsAreOneUnlessSaid) {
  EXPECT_EQ(choose_shape(kTokens, {"batch", "sequence", ""}, {}).value(), (Shape{1, 1, 4}));
  EXPECT_EQ(choose_shape(kTokens, {"batch", "sequence", ""}, {8, {{"sequence", 128}}}).value(),
            (Shape{8, 128, 4}));
  EXPECT_EQ(choose_shape(kTokens, {"batch", "sequence", ""}, {8, {{"batch", 3}}}).value(),
            (Shape{3, 1, 4}));
  EXPECT_EQ(choose_shape(kTokens, {}, {8, {}}).value(), (Shape{8, 1, 4}));
}

TEST(OrdinaryInput, ABatchThatTheModelFixesIsNotChanged) {
  const Port fixed{"x", DataType::Float32, {1, 3}};
  EXPECT_TRUE(choose_shape(fixed, {}, {1, {}}).ok());
  EXPECT_EQ(choose_shape(fixed, {}, {2, {}}).error().code, ErrorCode::InvalidArgument);
}

TEST(OrdinaryInput, IsTheSameEachTime) {
  const auto one = make_ordinary(DataType::Float32, {100}, 1).value();
  EXPECT_EQ(one.data, make_ordinary(DataType::Float32, {100}, 1).value().data);
  EXPECT_NE(one.data, make_ordinary(DataType::Float32, {100}, 2).value().data);
}

TEST(OrdinaryInput, TokensAreOfAnyVocabularyAndMasksAreOpen) {
  const auto tokens = make_ordinary(DataType::Int64, {1000}, 1).value();
  EXPECT_TRUE(std::ranges::all_of(tokens.elements<std::int64_t>(),
                                  [](auto id) { return id == 0 || id == 1; }));
  const auto mask = make_ordinary(DataType::Bool, {10}, 1).value();
  EXPECT_TRUE(
      std::ranges::all_of(mask.elements<std::uint8_t>(), [](auto bit) { return bit == 1; }));
}

TEST(OrdinaryInput, AbsurdShapesAreRefused) {
  EXPECT_FALSE(make_ordinary(DataType::Float32, {std::int64_t{1} << 41}, 1).ok());
}

}  // namespace
}  // namespace torchkeep::cli
