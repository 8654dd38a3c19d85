// Convolutions of a graph that are planned with Winograd's filtering.
#include "torchkeep/runtime/kernels/winograd_convolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/pictures.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

class WinogradConvolutions : public ::testing::TestWithParam<Picture> {};

TEST_P(WinogradConvolutions, AgreeWithTheDefinition) {
  const Picture& p = GetParam();
  if (kernels::has_tiles()) {
    ASSERT_TRUE(kernels::fits_winograd(described(p)));
    ASSERT_TRUE(kernels::is_better_by_winograd(described(p)));
  }
  expect_as_defined(p);
}

INSTANTIATE_TEST_SUITE_P(Winograd, WinogradConvolutions,
                         ::testing::Values(picture({1, 32, 12, 12}, 64),
                                           picture({1, 64, 23, 21}, 128, {0, 1, 1, 0}),
                                           picture({3, 48, 8, 9}, 240),
                                           picture({1, 32, 64, 40}, 64)));

TEST(WinogradConvolution, LeavesToOthersWhatDoesNotFit) {
  const auto with = [&](auto change) {
    dnn::Convolution convolution = described(picture({1, 64, 16, 16}, 64));
    change(convolution);
    return kernels::fits_winograd(convolution);
  };
  EXPECT_EQ(with([](auto&) {}), kernels::has_tiles());
  EXPECT_FALSE(with([](auto& c) { c.grouped = true; }));
  EXPECT_FALSE(with([](auto& c) { c.quantised.emplace(); }));
  EXPECT_FALSE(with([](auto& c) { c.strides[1] = 2; }));
  EXPECT_FALSE(with([](auto& c) { c.dilations[0] = 2; }));
  EXPECT_FALSE(with([](auto& c) { c.weights[2] = 1; }));
  EXPECT_FALSE(with([](auto& c) { c.weights[3] = 5; }));
  EXPECT_FALSE(with([](auto& c) { c.weights = {64, 64, 3}; }));
  EXPECT_FALSE(with([](auto& c) { c.weights = {64, 64, 3, 3, 3}; }));
  EXPECT_FALSE(with([](auto& c) { c.input[1] = c.weights[1] = 24; }));
  EXPECT_FALSE(with([](auto& c) { c.output[1] = c.weights[0] = 24; }));
  EXPECT_FALSE(with([](auto& c) { c.input[1] = c.weights[1] = 0; }));
}

TEST(WinogradConvolution, IsNotTakenWhereItSavesNothing) {
  const auto is_better = [](const Picture& p) {
    return kernels::is_better_by_winograd(described(p));
  };
  EXPECT_TRUE(is_better(picture({1, 64, 14, 14}, 64)));
  EXPECT_FALSE(is_better(picture({1, 64, 7, 7}, 64)));  // too few places for larger filters
  EXPECT_TRUE(is_better(picture({3, 64, 7, 7}, 64)));
  EXPECT_FALSE(is_better(picture({1, 16, 14, 14}, 64)));  // sums outweigh products
  EXPECT_FALSE(is_better(picture({1, 64, 14, 14}, 32)));  // half a panel for nothing
}

// Two filters that together would grow by more than a model may: the second stays as it is.
TEST(WinogradConvolution, FiltersGrowOnlySoFar) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  const Picture p = picture({1, 1024, 12, 12}, 1024);
  ASSERT_TRUE(kernels::is_better_by_winograd(described(p)));
  const std::uint64_t each = 1024 * 1024 * 9 * sizeof(float);
  GraphBuilder graph;
  const std::vector<float> alike(each / sizeof(float), 0.01F);
  graph.weights("v", p.weights, alike).weights("w", p.weights, alike);
  graph.input("x", p.input).output("y", p.input);
  graph.add(node("Conv", {"x", "v"}, {"c"}, attributes_of(p)));
  graph.add(node("Conv", {"c", "w"}, {"y"}, attributes_of(p)));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_EQ((*model)->parameter_bytes(), each + each / 9 * 16);
}

// Filters that a large picture's plan has packed serve all sizes, none among them.
TEST(WinogradConvolution, AnswersForSizesThatItWouldNotHaveChosen) {
  std::mt19937 random(6);
  GraphBuilder graph;
  Picture p = picture({1, 32, 224, 224}, 64);
  const auto weights = graph.random_weights("w", p.weights, 0.1F, random);
  const std::vector<float> no_bias(64, 0);
  graph.input("x", {-1, 32, -1, -1}).output("y", {-1, 64, -1, -1});
  graph.add(node("Conv", {"x", "w"}, {"y"}, attributes_of(p)));
  const auto model = load(graph, {.threads = 2});
  ASSERT_TRUE(model.ok()) << model.error();
  for (const Shape& shape :
       {Shape{1, 32, 3, 4}, Shape{2, 32, 1, 1}, Shape{1, 32, 40, 37}, Shape{0, 32, 8, 8}}) {
    p.input = shape;
    const Tensor x = random_tensor(shape, random);
    const auto outputs = (*model)->run({&x, 1});
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    ASSERT_EQ((*outputs)[0].shape, output_of(p));
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(),
                                 convolve(p, x.elements<float>(), weights, no_bias)),
              1e-4)
        << describe(shape);
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
