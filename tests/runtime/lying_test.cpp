// Where elements lie that are no neighbours in memory.
#include "torchkeep/runtime/plan/lying.h"

#include <gtest/gtest.h>

namespace torchkeep::runtime::testing {
namespace {

using plan::Lying;
using plan::Stride;

std::vector<Stride> steps(const Lying& lying, std::size_t dimension) {
  return {lying[dimension].begin(), lying[dimension].end()};
}

/// The places of all elements, in their order.
std::vector<std::int64_t> places(const Lying& lying, std::size_t dimension = 0) {
  if (dimension == lying.size()) return {0};
  std::vector<std::int64_t> starts{0};
  for (const Stride& stride : lying[dimension]) {
    std::vector<std::int64_t> more;
    for (const std::int64_t start : starts)
      for (std::int64_t i = 0; i < stride.size; ++i) more.push_back(start + i * stride.step);
    starts = std::move(more);
  }
  std::vector<std::int64_t> all;
  for (const std::int64_t start : starts)
    for (const std::int64_t inner : places(lying, dimension + 1)) all.push_back(start + inner);
  return all;
}

TEST(Lying, ACornerKeepsTheStepsOfItsRoom) {
  const Lying lying = plan::lying_in({2, 3}, {4, 5});
  ASSERT_EQ(lying.size(), 2U);
  EXPECT_EQ(steps(lying, 0), (std::vector<Stride>{{2, 5}}));
  EXPECT_EQ(steps(lying, 1), (std::vector<Stride>{{3, 1}}));
  EXPECT_EQ(places(lying), (std::vector<std::int64_t>{0, 1, 2, 5, 6, 7}));
}

TEST(Lying, NothingIsEmptyAndAScalarToo) {
  EXPECT_TRUE(Lying().empty());
  EXPECT_TRUE(plan::lying_in({}, {}).empty());
}

TEST(Lying, OtherShapesReadTheSamePlaces) {
  const Lying lying = plan::lying_in({2, 3, 4}, {2, 5, 4});
  for (const Shape& shape : {Shape{2, 12}, Shape{2, 3, 2, 2}, Shape{1, 2, 3, 1, 4}, Shape{24}}) {
    const auto seen = plan::reshaped(lying, shape);
    ASSERT_TRUE(seen) << describe(shape);
    EXPECT_EQ(seen->size(), shape.size());
    EXPECT_EQ(places(*seen), places(lying)) << describe(shape);
  }
}

TEST(Lying, ShapesThatCutAStepInPiecesThatDoNotFitAreNot) {
  const Lying lying = plan::lying_in({4, 3}, {4, 5});
  EXPECT_FALSE(plan::reshaped(lying, {3, 4}));
  EXPECT_FALSE(plan::reshaped(lying, {12, 2}));
  EXPECT_FALSE(plan::reshaped(lying, {6}));
  EXPECT_FALSE(plan::reshaped(plan::lying_in({0, 3}, {4, 5}), {3, 0}));
}

TEST(Lying, WhatIsSpreadStaysWhereItIs) {
  const Lying lying = plan::spread(plan::lying_in({2, 1, 3}, {2, 4, 3}), {2, 1, 3}, {5, 2, 2, 3});
  ASSERT_EQ(lying.size(), 4U);
  EXPECT_EQ(steps(lying, 0), (std::vector<Stride>{{5, 0}}));
  EXPECT_EQ(steps(lying, 1), (std::vector<Stride>{{2, 12}}));
  EXPECT_EQ(steps(lying, 2), (std::vector<Stride>{{2, 0}}));
  EXPECT_EQ(steps(lying, 3), (std::vector<Stride>{{3, 1}}));
}

TEST(Lying, OneDimensionIsMadeOfOtherSteps) {
  const Lying lying = plan::lying_in({2, 3, 4}, {2, 3, 4});
  const std::vector<Stride> twice{{2, 0}, {3, 4}};
  const Lying made = lying.with(1, twice);
  EXPECT_EQ(steps(made, 0), steps(lying, 0));
  EXPECT_EQ(steps(made, 1), twice);
  EXPECT_EQ(steps(made, 2), steps(lying, 2));
  EXPECT_FALSE(made == lying);
  EXPECT_TRUE(made.with(1, lying[1]) == lying);
}

TEST(Lying, GatheringWalksTheSamePlaces) {
  const Lying lying = plan::lying_in({2, 3}, {4, 5}).with(0, std::vector<Stride>{{2, 0}, {2, 5}});
  const kernels::StridedCopy copy = plan::gathering(lying, 7);
  EXPECT_EQ(copy.start, 7);
  EXPECT_EQ(copy.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(copy.strides, (std::vector<std::int64_t>{0, 5, 1}));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
