// Convolutions of a graph that are planned with the loop of tiles.
#include "torchkeep/runtime/kernels/tiled_convolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/pictures.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

class TiledConvolutions : public ::testing::TestWithParam<Picture> {};

TEST_P(TiledConvolutions, AgreeWithTheDefinition) {
  const Picture& p = GetParam();
  if (kernels::has_tiles()) {
    ASSERT_TRUE(kernels::goes_into_tiles(described(p)));
    ASSERT_TRUE(kernels::is_better_in_tiles(described(p)));
  }
  expect_as_defined(p);
}

INSTANTIATE_TEST_SUITE_P(
    Tiles, TiledConvolutions,
    ::testing::Values(
        Picture{{2, 128, 7, 7}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
        Picture{{1, 160, 9, 8}, {240, 160, 1, 1}, {2, 3}, {1, 1}, {0, 0, 0, 0}},
        Picture{{2, 96, 7, 7}, {64, 96, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
        Picture{{1, 48, 10, 11}, {128, 48, 3, 5}, {2, 1}, {1, 2}, {1, 4, 0, 2}},
        Picture{{2, 144, 17}, {64, 144, 4}, {2}, {1}, {1, 2}},
        Picture{{1, 16, 4, 5, 6}, {64, 16, 3, 2, 2}, {1, 2, 1}, {1, 1, 2}, {1, 0, 1, 1, 1, 1}},
        // A window whose rows lie on nothing but padding.
        Picture{{1, 128, 2, 2}, {64, 128, 3, 3}, {1, 1}, {1, 1}, {3, 3, 3, 3}}));

class TilesBehindDepthwise : public ::testing::TestWithParam<Picture> {};

// A depthwise convolution of oneDNN's leaves channels last on processors with wide vectors.
TEST_P(TilesBehindDepthwise, AgreeWithTheDefinition) {
  const Picture& p = GetParam();
  const std::int64_t channels = p.input[1];
  std::mt19937 random(8);
  GraphBuilder graph;
  const auto factors = graph.random_weights("f", {channels, 1, 1, 1}, 1, random);
  const auto weights = graph.random_weights("w", p.weights, 0.1F, random);
  const auto bias = graph.random_weights("b", {p.weights[0]}, 1, random);
  const Shape shape = output_of(p);
  graph.input("x", p.input).output("y", shape).input("r", shape);
  graph.add(node("Conv", {"x", "f"}, {"d"}, {int_attribute("group", channels)}));
  graph.add(node("Conv", {"d", "w", "b"}, {"c"}, attributes_of(p)));
  graph.add(node("Add", {"c", "r"}, {"s"})).add(node("Relu", {"s"}, {"y"}));
  const std::vector<Tensor> inputs =
      tensors(random_tensor(p.input, random), random_tensor(shape, random));
  const auto x = inputs[0].elements<float>(), residual = inputs[1].elements<float>();
  std::vector<float> scaled(x.begin(), x.end());
  const std::size_t places = scaled.size() / static_cast<std::size_t>(p.input[0] * channels);
  for (std::size_t i = 0; i < scaled.size(); ++i)
    scaled[i] *= factors[i / places % static_cast<std::size_t>(channels)];
  std::vector<float> wanted = convolve(p, scaled, weights, bias);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    wanted[i] = std::max(0.0F, wanted[i] + residual[i]);
  for (const int threads : {1, 2}) {
    const auto model = load(graph, {.threads = threads});
    ASSERT_TRUE(model.ok()) << model.error();
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), wanted), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tiles, TilesBehindDepthwise,
    ::testing::Values(Picture{{2, 128, 7, 7}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
                      Picture{{2, 160, 9, 8}, {240, 160, 1, 1}, {2, 3}, {1, 1}, {0, 0, 0, 0}},
                      Picture{{2, 96, 7, 7}, {64, 96, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
                      Picture{{1, 48, 10, 11}, {128, 48, 3, 5}, {2, 1}, {1, 2}, {1, 4, 0, 2}}));

TEST(TiledConvolution, LeavesToOneDnnWhatDoesNotFit) {
  const Picture fits{{1, 128, 7, 7}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}};
  const auto with = [&](auto change) {
    dnn::Convolution convolution = described(fits);
    change(convolution);
    return kernels::goes_into_tiles(convolution);
  };
  EXPECT_EQ(with([](auto&) {}), kernels::has_tiles());
  EXPECT_FALSE(with([](auto& c) { c.grouped = true; }));
  EXPECT_FALSE(with([](auto& c) { c.quantised.emplace(); }));
  EXPECT_FALSE(with([](auto& c) { c.input[1] = c.weights[1] = 24; }));
  EXPECT_FALSE(with([](auto& c) { c.output[1] = c.weights[0] = 24; }));
  EXPECT_FALSE(with([](auto& c) { c.output[1] = c.weights[0] = 80; }));  // 48 columns for nothing
  EXPECT_FALSE(with([](auto& c) { c.input[0] = c.output[0] = 0; }));
  EXPECT_FALSE(with([](auto& c) { c.input[1] = c.weights[1] = 0; }));
  EXPECT_FALSE(with([](auto& c) { c.input[2] = c.output[2] = 1 << 25; }));
}

TEST(TiledConvolution, LeavesChannelsLastWhereTheyAre) {
  const dnn::Convolution small =
      described({{1, 128, 7, 7}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}});
  const auto lying = [&](const dnn::Layout& input) { return kernels::tiled_layouts(small, input); };
  const dnn::Layout last = dnn::channels_last(small.input),
                    blocks = dnn::channel_blocks(small.input);
  EXPECT_EQ(lying(last).input, last);
  EXPECT_EQ(lying(last).output, dnn::channels_last(small.output));
  EXPECT_EQ(lying(blocks).input, blocks);
  EXPECT_EQ(lying({}).input, blocks);
  EXPECT_EQ(lying({}).output, dnn::channel_blocks(small.output));
}

TEST(TiledConvolution, IsNotTakenForOnePlace) {
  EXPECT_FALSE(kernels::is_better_in_tiles(
      described({{1, 128, 7, 7}, {64, 128, 7, 7}, {1, 1}, {1, 1}, {0, 0, 0, 0}})));
}

TEST(TiledConvolution, IsNotTakenForLargePictures) {
  const Picture large{{1, 128, 17, 16}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      shallow{{1, 64, 7, 7}, {64, 64, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}};
  EXPECT_FALSE(kernels::is_better_in_tiles(described(large)));
  EXPECT_FALSE(kernels::is_better_in_tiles(described(shallow)));
}

// Weights that a small picture's plan has packed are taken as they lie by larger ones.
TEST(TiledConvolution, AnswersForSizesThatItWouldNotHaveChosen) {
  std::mt19937 random(6);
  GraphBuilder graph;
  // Loading takes open sizes for 224: the first plan's answer has 14 by 14 places.
  Picture p{{1, 128, 224, 224}, {64, 128, 3, 3}, {16, 16}, {1, 1}, {1, 1, 1, 1}};
  ASSERT_TRUE(kernels::is_better_in_tiles(described(p)));
  const auto weights = graph.random_weights("w", p.weights, 0.1F, random);
  const std::vector<float> no_bias(64, 0);
  graph.input("x", {1, 128, -1, -1}).output("y", {1, 64, -1, -1});
  graph.add(node("Conv", {"x", "w"}, {"y"}, attributes_of(p)));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (const std::int64_t side : {16, 272, 48}) {
    p.input[2] = p.input[3] = side;
    const Tensor x = random_tensor(p.input, random);
    const auto outputs = (*model)->run({&x, 1});
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(),
                                 convolve(p, x.elements<float>(), weights, no_bias)),
              1e-4)
        << side;
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
