// The loop of tiles against sums in double precision, alone and as what convolutions and products
// of a graph are planned with.
#include "torchkeep/runtime/kernels/tiles.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiled_convolution.h"

#include "tests/runtime/node_case.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using kernels::kTileColumns;
using kernels::kTileRows;
using kernels::Tiles;
using Kind = graph::Activation::Kind;

std::vector<float> random_floats(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> numbers;
  std::vector<float> values(count);
  for (float& value : values) value = numbers(random);
  return values;
}

struct Shapes {
  std::size_t rows, inputs, columns;
};

/// A product of row-major matrices, and its weights as the loop wants them.
struct Case {
  explicit Case(const Shapes& shapes) {
    const std::size_t padded = (shapes.inputs + 15) / 16 * 16;
    tiles.rows = shapes.rows;
    tiles.inputs = shapes.inputs;
    tiles.columns = shapes.columns;
    tiles.panel_floats = padded * kTileColumns;
    for (std::size_t r = 0; r < kTileRows; ++r)
      tiles.places.push_back(static_cast<std::int32_t>(r * shapes.inputs));
    tiles.tile_step = kTileRows * shapes.inputs;
    tiles.depth_step = 16;
    tiles.row_step = shapes.columns;
    tiles.lanes_step = 16;
    input = random_floats(shapes.rows * shapes.inputs, random);
    weights = random_floats(shapes.inputs * shapes.columns, random);
    bias = random_floats(shapes.columns, random);
    before = random_floats(shapes.rows * shapes.columns, random);
    panels.resize(tiles.panels() * tiles.panel_floats);
    for (std::size_t i = 0; i < shapes.inputs; ++i) {
      for (std::size_t j = 0; j < shapes.columns; ++j)
        panels[j / kTileColumns * tiles.panel_floats + i * kTileColumns + j % kTileColumns] =
            weights[i * shapes.columns + j];
    }
  }

  /// Cut into two calls after `first_part` of the work.
  std::vector<float> multiply(bool biased, std::size_t first_part = 0) const {
    std::vector<float> to = before;
    const float* added = biased ? bias.data() : nullptr;
    multiply_tiles(tiles, input.data(), panels.data(), added, to.data(), 0, first_part);
    multiply_tiles(tiles, input.data(), panels.data(), added, to.data(), first_part, tiles.work());
    return to;
  }

  std::vector<float> wanted(bool biased) const {
    std::vector<float> to;
    for (std::size_t r = 0; r < tiles.rows; ++r) {
      for (std::size_t j = 0; j < tiles.columns; ++j) {
        double sum = biased ? double{bias[j]} : 0;
        for (std::size_t i = 0; i < tiles.inputs; ++i)
          sum += double{input[r * tiles.inputs + i]} * double{weights[i * tiles.columns + j]};
        if (tiles.add) sum += double{before[r * tiles.columns + j]};
        to.push_back(tiles.activation.apply(static_cast<float>(sum)));
      }
    }
    return to;
  }

  std::mt19937 random{3};
  Tiles tiles;
  std::vector<float> input, weights, bias, before, panels;
};

class TileProducts : public ::testing::TestWithParam<Shapes> {
 protected:
  void SetUp() override {
    if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  }
};

TEST_P(TileProducts, AgreeWithTheDefinition) {
  Case each(GetParam());
  // Sums of normal numbers: their rounding grows with the root of how many there are.
  const double tolerance = 1e-5 * std::sqrt(static_cast<double>(GetParam().inputs));
  for (const bool biased : {false, true}) {
    for (const bool add : {false, true}) {
      for (const Kind kind : {Kind::None, Kind::Relu, Kind::Clip, Kind::Gelu, Kind::HardSwish}) {
        each.tiles.add = add;
        each.tiles.activation = {kind, -0.5F, 1.5F};
        EXPECT_LT(largest_difference(each.multiply(biased), each.wanted(biased)), tolerance)
            << "biased " << biased << ", add " << add << ", activation " << static_cast<int>(kind);
      }
    }
  }
}

TEST_P(TileProducts, AreTheSameHoweverThreadsShareThem) {
  Case each(GetParam());
  each.tiles.add = true;
  const std::vector<float> whole = each.multiply(true);
  const std::size_t step = 1 + each.tiles.work() / 16;
  for (std::size_t cut = 0; cut <= each.tiles.work(); cut += step)
    EXPECT_EQ(each.multiply(true, cut), whole) << "cut at " << cut << " of " << each.tiles.work();
}

INSTANTIATE_TEST_SUITE_P(Tiles, TileProducts,
                         ::testing::Values(Shapes{1, 1, 1}, Shapes{6, 16, 64}, Shapes{5, 15, 63},
                                           Shapes{7, 17, 65}, Shapes{13, 40, 100},
                                           Shapes{2, 800, 130},   // two passes
                                           Shapes{9, 1553, 64},   // three, the last with a rest
                                           Shapes{256, 33, 192},  // more tiles than at once
                                           Shapes{259, 770, 80}));

TEST(Tiles, WhatIsNoNumberStaysNone) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  Case each({8, 20, 70});
  each.tiles.activation = {Kind::Relu};
  each.input[3 * 20 + 5] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> to = each.multiply(false);
  for (std::size_t i = 0; i < to.size(); ++i) EXPECT_EQ(std::isnan(to[i]), i / 70 == 3) << i;
}

TEST(Tiles, InfinityInARowReachesNoOther) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  Case each({7, 18, 66});
  each.input[0] = std::numeric_limits<float>::infinity();
  const std::vector<float> to = each.multiply(false);
  for (std::size_t i = 0; i < to.size(); ++i) EXPECT_EQ(std::isfinite(to[i]), i >= 66) << i;
}

/// A convolution of some spatial dimensions, of which each goes into tiles.
struct Picture {
  Shape input, weights;
  std::vector<std::int64_t> strides, dilations, pads;  ///< Pads: all begins, then all ends.
};

std::vector<Message> attributes_of(const Picture& p) {
  return {ints_attribute("strides", p.strides), ints_attribute("dilations", p.dilations),
          ints_attribute("pads", p.pads)};
}

/// Sizes and steps in three dimensions.
std::array<std::int64_t, 3> in_space(std::span<const std::int64_t> sizes, std::int64_t missing) {
  std::array<std::int64_t, 3> all;
  all.fill(missing);
  std::ranges::copy(sizes, all.end() - static_cast<std::ptrdiff_t>(sizes.size()));
  return all;
}

Shape output_of(const Picture& p) {
  Shape output{p.input[0], p.weights[0]};
  const std::size_t dims = p.strides.size();
  for (std::size_t d = 0; d < dims; ++d) {
    const std::int64_t padded = p.input[2 + d] + p.pads[d] + p.pads[dims + d];
    output.push_back((padded - p.dilations[d] * (p.weights[2 + d] - 1) - 1) / p.strides[d] + 1);
  }
  return output;
}

std::vector<float> convolve(const Picture& p, std::span<const float> x, std::span<const float> w,
                            std::span<const float> bias) {
  const Shape shape = output_of(p);
  const auto in = in_space(std::span(p.input).subspan(2), 1),
             out = in_space(std::span(shape).subspan(2), 1),
             window = in_space(std::span(p.weights).subspan(2), 1), steps = in_space(p.strides, 1),
             gaps = in_space(p.dilations, 1),
             pads = in_space(std::span(p.pads).first(p.strides.size()), 0);
  std::vector<float> to;
  const auto size = [](const std::array<std::int64_t, 3>& s) { return s[0] * s[1] * s[2]; };
  for (std::int64_t image = 0; image < shape[0] * shape[1]; ++image) {
    const std::int64_t n = image / shape[1], f = image % shape[1];
    for (std::int64_t place = 0; place < size(out); ++place) {
      double sum = double{bias[static_cast<std::size_t>(f)]};
      for (std::int64_t look = 0; look < size(window); ++look) {
        const std::array<std::int64_t, 3> at{place / (out[1] * out[2]), place / out[2] % out[1],
                                             place % out[2]},
            within{look / (window[1] * window[2]), look / window[2] % window[1], look % window[2]};
        std::int64_t from = 0;
        bool inside = true;
        for (std::size_t d = 0; d < 3; ++d) {
          const std::int64_t index = at[d] * steps[d] + within[d] * gaps[d] - pads[d];
          inside = inside && index >= 0 && index < in[d];
          from = from * in[d] + index;
        }
        for (std::int64_t c = 0; inside && c < p.input[1]; ++c)
          sum += double{x[static_cast<std::size_t>((n * p.input[1] + c) * size(in) + from)]} *
                 double{w[static_cast<std::size_t>((f * p.input[1] + c) * size(window) + look)]};
      }
      to.push_back(static_cast<float>(sum));
    }
  }
  return to;
}

dnn::Convolution described(const Picture& p) {
  const auto dims = static_cast<std::ptrdiff_t>(p.strides.size());
  dnn::Convolution convolution;
  convolution.input = p.input;
  convolution.weights = p.weights;
  convolution.output = output_of(p);
  convolution.strides = p.strides;
  convolution.dilations = p.dilations;
  convolution.pads_begin.assign(p.pads.begin(), p.pads.begin() + dims);
  convolution.pads_end.assign(p.pads.begin() + dims, p.pads.end());
  return convolution;
}

class TiledConvolutions : public ::testing::TestWithParam<Picture> {};

TEST_P(TiledConvolutions, AgreeWithTheDefinition) {
  const Picture& p = GetParam();
  if (kernels::has_tiles()) {
    ASSERT_TRUE(kernels::goes_into_tiles(described(p)));
    ASSERT_TRUE(kernels::is_better_in_tiles(described(p)));
  }
  std::mt19937 random(5);
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", p.weights, 0.1F, random);
  const auto bias = graph.random_weights("b", {p.weights[0]}, 1, random);
  const Shape shape = output_of(p);
  graph.input("x", p.input).input("r", shape);
  graph.output("y", Shape(shape.size(), -1)).output("z", Shape(shape.size(), -1));
  graph.add(node("Conv", {"x", "w", "b"}, {"y"}, attributes_of(p)));
  // The same weights once more, now with a sum and an activation.
  graph.add(node("Conv", {"x", "w", "b"}, {"c"}, attributes_of(p)));
  graph.add(node("Add", {"c", "r"}, {"s"})).add(node("Relu", {"s"}, {"z"}));
  const std::vector<Tensor> inputs =
      tensors(random_tensor(p.input, random), random_tensor(shape, random));
  const std::vector<float> wanted = convolve(p, inputs[0].elements<float>(), weights, bias);
  for (const int threads : {1, 3}) {
    const auto model = load(graph, {.threads = threads});
    ASSERT_TRUE(model.ok()) << model.error();
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), wanted), 1e-4);
    std::vector<float> sum = wanted;
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] = std::max(0.0F, sum[i] + inputs[1].elements<float>()[i]);
    EXPECT_LT(largest_difference((*outputs)[1].elements<float>(), sum), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tiles, TiledConvolutions,
    ::testing::Values(
        Picture{{2, 128, 7, 7}, {64, 128, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
        Picture{{1, 160, 9, 8}, {240, 160, 1, 1}, {2, 3}, {1, 1}, {0, 0, 0, 0}},
        Picture{{3, 96, 7, 7}, {64, 96, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
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
                      Picture{{3, 96, 7, 7}, {64, 96, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
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
