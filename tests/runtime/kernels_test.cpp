// Kernels and what the optimiser makes of them, against the operators' plain definitions.
#include <algorithm>
#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/registry.h"

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

Result<std::vector<float>> run(const GraphBuilder& graph, const Tensor& input, int threads = 2) {
  const auto model = TRY(load(graph, {.threads = threads}));
  const std::vector<Tensor> outputs = TRY(model->run({&input, 1}));
  const auto elements = outputs[0].elements<float>();
  return std::vector<float>(elements.begin(), elements.end());
}

std::vector<Message> attributes_of(const ReferenceConvolution& c) {
  return {int_attribute("group", c.groups), ints_attribute("strides", {c.stride, c.stride}),
          ints_attribute("dilations", {c.dilation, c.dilation}),
          ints_attribute("pads", {c.top, c.left, c.bottom, c.right})};
}

class Convolutions : public ::testing::TestWithParam<ReferenceConvolution> {};

TEST_P(Convolutions, AgreeWithTheDefinition) {
  const ReferenceConvolution& c = GetParam();
  std::mt19937 random(7);
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.3F, random);
  const auto bias = graph.random_weights("b", {c.filters}, 1, random);
  graph.input("x", {-1, c.channels, c.height, c.width}).output("y", {-1, -1, -1, -1});
  graph.add(node("Conv", {"x", "w", "b"}, {"y"}, attributes_of(c)));
  const Tensor input = random_tensor(c.input_shape(), random);
  const auto found = run(graph, input);
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_LT(
      largest_difference(*found, reference_convolution(c, input.elements<float>(), weights, bias)),
      1e-4);
}

// Convolution, normalisation, residual sum and activation become one primitive; the answer must not
// change.
TEST_P(Convolutions, AgreeWithTheDefinitionWhenAllIsFused) {
  const ReferenceConvolution& c = GetParam();
  std::mt19937 random(8);
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.3F, random);
  const auto scale = graph.random_weights("scale", {c.filters}, 1, random);
  const auto shift = graph.random_weights("shift", {c.filters}, 1, random);
  const auto mean = graph.random_weights("mean", {c.filters}, 1, random);
  std::vector<float> variance(static_cast<std::size_t>(c.filters), 0.5F);
  graph.weights("variance", {c.filters}, variance);
  const auto other = graph.random_weights("w2", c.weights_shape(), 0.3F, random);
  graph.input("x", c.input_shape()).output("y", {-1, -1, -1, -1});
  graph.add(node("Conv", {"x", "w2"}, {"residual"}, attributes_of(c)));
  graph.add(node("Conv", {"x", "w"}, {"c"}, attributes_of(c)));
  graph.add(node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"n"}));
  graph.add(node("Add", {"n", "residual"}, {"s"})).add(node("Relu", {"s"}, {"y"}));
  const Tensor input = random_tensor(c.input_shape(), random);
  const auto found = run(graph, input);
  ASSERT_TRUE(found.ok()) << found.error();
  auto wanted = reference_convolution(c, input.elements<float>(), weights, {});
  const auto residual = reference_convolution(c, input.elements<float>(), other, {});
  const std::size_t plane = static_cast<std::size_t>(c.output_height() * c.output_width());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t f = i / plane % static_cast<std::size_t>(c.filters);
    const float normal =
        (wanted[i] - mean[f]) / std::sqrt(variance[f] + 1e-5F) * scale[f] + shift[f];
    wanted[i] = std::max(0.0F, normal + residual[i]);
  }
  EXPECT_LT(largest_difference(*found, wanted), 2e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, Convolutions,
    ::testing::Values(ReferenceConvolution{1, 3, 9, 8, 16, 3, 3},
                      ReferenceConvolution{2, 16, 7, 7, 32, 1, 1},
                      ReferenceConvolution{1, 24, 6, 5, 48, 3, 3, 1, 1, 1, 1, 1, 1,
                                           1},  // channels that get padded
                      ReferenceConvolution{2, 8, 11, 9, 8, 3, 3, 8, 2, 1, 1, 1, 1, 1},  // depthwise
                      ReferenceConvolution{1, 12, 9, 9, 6, 3, 2, 3, 1, 2, 2, 1, 0,
                                           3},  // groups, dilation, uneven pads
                      ReferenceConvolution{1, 1, 5, 5, 1, 5, 5},
                      ReferenceConvolution{3, 5, 4, 4, 7, 2, 2, 1, 3, 1, 0, 1, 1, 0}));

TEST(Kernels, AResidualOfAnotherShapeIsSpread) {
  std::mt19937 random(9);
  GraphBuilder graph;
  const ReferenceConvolution c{1, 4, 5, 5, 20, 1, 1};
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.3F, random);
  graph.input("x", c.input_shape()).output("y", {1, 20, 5, 5});
  graph.add(node("Conv", {"x", "w"}, {"c"})).add(node("GlobalAveragePool", {"x"}, {"g"}));
  graph.weights("w3", {20, 4, 1, 1}, weights).add(node("Conv", {"g", "w3"}, {"r"}));
  graph.add(node("Relu", {"r"}, {"rr"}))
      .add(node("Add", {"c", "rr"}, {"s"}))
      .add(node("Relu", {"s"}, {"y"}));
  const Tensor input = random_tensor(c.input_shape(), random);
  const auto found = run(graph, input);
  ASSERT_TRUE(found.ok()) << found.error();
  auto wanted = reference_convolution(c, input.elements<float>(), weights, {});
  for (std::size_t f = 0; f < 20; ++f) {
    // The convolution is linear, so that of the mean is the mean of its own.
    double mean = 0;
    for (std::size_t i = 0; i < 25; ++i) mean += double{wanted[f * 25 + i]} / 25;
    for (std::size_t i = 0; i < 25; ++i) {
      float& value = wanted[f * 25 + i];
      value = std::max(0.0F, value + std::max(0.0F, static_cast<float>(mean)));
    }
  }
  EXPECT_LT(largest_difference(*found, wanted), 1e-4);
}

TEST(Kernels, AResidualThatIsLargerThanTheConvolutionsResultIsAdded) {
  GraphBuilder graph;
  graph.weights("w", {1, 1, 1, 1}, {2}).input("x", {1, 1, 2, 2}).output("y", {1, 1, 2, 2});
  graph.add(node("GlobalMaxPool", {"x"}, {"m"}))
      .add(node("Conv", {"m", "w"}, {"c"}))
      .add(node("Add", {"x", "c"}, {"y"}));
  const auto found = run(graph, tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4}));
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_THAT(*found, ::testing::ElementsAre(9, 10, 11, 12));
}

TEST(Kernels, WeightsThatTwoConvolutionsShareAreNotScaledForBoth) {
  GraphBuilder graph;
  graph.weights("w", {1, 1, 1, 1}, {2})
      .weights("one", {1}, {1})
      .weights("three", {1}, {3})
      .weights("zero", {1}, {0});
  graph.input("x", {1, 1, 1, 1}).output("y", {1, 1, 1, 1}).output("z", {1, 1, 1, 1});
  graph.add(node("Conv", {"x", "w"}, {"c"})).add(node("Conv", {"x", "w"}, {"z"}));
  graph.add(node("BatchNormalization", {"c", "three", "zero", "zero", "one"}, {"y"},
                 {float_attribute("epsilon", 0)}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({1, 1, 1, 1}, {5})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_NEAR((*outputs)[0].elements<float>()[0], 30, 1e-4);
  EXPECT_EQ((*outputs)[1].elements<float>()[0], 10);
}

// Values that several read must survive the sums and activations that are done in place.
TEST(Kernels, NothingIsOverwrittenThatIsStillRead) {
  GraphBuilder graph;
  graph.input("x", {1, 2, 2, 2}).weights("w", {2, 2, 1, 1}, {1, 0, 0, 1});
  graph.add(node("Conv", {"x", "w"}, {"a"}))
      .add(node("Relu", {"a"}, {"b"}));                                     // a is read again below
  graph.add(node("Flatten", {"a"}, {"f"})).add(node("Neg", {"f"}, {"g"}));  // through a view
  graph.add(node("Conv", {"b", "w"}, {"c"})).add(node("Add", {"c", "a"}, {"d"}));
  graph.add(node("Add", {"a", "a"}, {"e"}))
      .add(node("Flatten", {"e"}, {"ef"}))
      .add(node("Sigmoid", {"d"}, {"s"}));
  for (const char* name : {"g", "ef"}) graph.output(name, {1, 8});
  for (const char* name : {"a", "b", "d", "s"}) graph.output(name, {1, 2, 2, 2});
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const std::vector<float> x{1, -2, 3, -4, 5, -6, 7, -8};
  for (int round = 0; round < 2; ++round) {
    const auto outputs = (*model)->run(one(tensor<float>({1, 2, 2, 2}, x)));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    const auto value = [&](std::size_t output, std::size_t i) {
      return (*outputs)[output].elements<float>()[i];
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float positive = std::max(0.0F, x[i]);
      EXPECT_EQ(value(0, i), -x[i]);
      EXPECT_EQ(value(1, i), 2 * x[i]);
      EXPECT_EQ(value(2, i), x[i]);
      EXPECT_EQ(value(3, i), positive);
      EXPECT_EQ(value(4, i), positive + x[i]);
      EXPECT_NEAR(value(5, i), 1 / (1 + std::exp(-(positive + x[i]))), 1e-6);
    }
  }
}

TEST(Kernels, PaddedChannelsStayZero) {
  // 20 channels lie in blocks of 16; a sigmoid of what lies between them would reach the next
  // convolution.
  std::mt19937 random(10);
  const ReferenceConvolution c{1, 20, 3, 3, 20, 1, 1};
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.3F, random);
  graph.weights("w2", c.weights_shape(), weights);
  graph.input("x", c.input_shape()).output("y", c.output_shape());
  graph.add(node("Conv", {"x", "w"}, {"a"}))
      .add(node("Sigmoid", {"a"}, {"b"}))
      .add(node("Conv", {"b", "w2"}, {"y"}));
  const Tensor input = random_tensor(c.input_shape(), random);
  const auto found = run(graph, input);
  ASSERT_TRUE(found.ok()) << found.error();
  auto middle = reference_convolution(c, input.elements<float>(), weights, {});
  for (float& value : middle) value = 1 / (1 + std::exp(-value));
  EXPECT_LT(largest_difference(*found, reference_convolution(c, middle, weights, {})), 1e-4);
}

struct Product {
  std::int64_t rows, inner, columns;
  bool turn_a, turn_b;
  float alpha, beta;
  Shape sum;  ///< Of C.
};
class Products : public ::testing::TestWithParam<Product> {};
TEST_P(Products, AgreeWithTheDefinition) {
  const Product& p = GetParam();
  std::mt19937 random(11);
  GraphBuilder graph;
  const auto b = graph.random_weights(
      "b", p.turn_b ? Shape{p.columns, p.inner} : Shape{p.inner, p.columns}, 1, random);
  const auto c = graph.random_weights("c", p.sum, 1, random);
  graph.input("x", {-1, -1}).output("y", {-1, p.columns});
  graph.add(node("Gemm", {"x", "b", "c"}, {"g"},
                 {float_attribute("alpha", p.alpha), float_attribute("beta", p.beta),
                  int_attribute("transA", p.turn_a), int_attribute("transB", p.turn_b)}));
  graph.add(node("Relu", {"g"}, {"y"}));
  const Tensor a =
      random_tensor(p.turn_a ? Shape{p.inner, p.rows} : Shape{p.rows, p.inner}, random);
  const auto found = run(graph, a);
  ASSERT_TRUE(found.ok()) << found.error();
  std::vector<float> wanted;
  const auto at = [](std::span<const float> values, std::int64_t row, std::int64_t column,
                     std::int64_t width) {
    return double{values[static_cast<std::size_t>(row * width + column)]};
  };
  for (std::int64_t m = 0; m < p.rows; ++m) {
    for (std::int64_t n = 0; n < p.columns; ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < p.inner; ++k) {
        sum += (p.turn_a ? at(a.elements<float>(), k, m, p.rows)
                         : at(a.elements<float>(), m, k, p.inner)) *
               (p.turn_b ? at(b, n, k, p.inner) : at(b, k, n, p.columns));
      }
      const Shape full = p.sum.size() == 2 ? p.sum
                         : p.sum.empty()   ? Shape{1, 1}
                                           : Shape{1, p.sum[0]};
      const double added = at(c, full[0] == 1 ? 0 : m, full[1] == 1 ? 0 : n, full[1]);
      wanted.push_back(
          static_cast<float>(std::max(0.0, double{p.alpha} * sum + double{p.beta} * added)));
    }
  }
  EXPECT_LT(largest_difference(*found, wanted), 1e-4);
}
INSTANTIATE_TEST_SUITE_P(Kernels, Products,
                         ::testing::Values(Product{3, 40, 32, false, true, 1, 1, {32}},
                                           Product{1, 64, 100, false, true, 1, 1, {100}},
                                           Product{5, 7, 10, false, true, 1, 1, {10}},
                                           Product{5, 7, 3, false, false, 1, 1, {1, 3}},
                                           Product{4, 9, 17, true, false, 1, 1, {17}},
                                           Product{4, 9, 17, true, true, 0.5F, 1, {17}},
                                           Product{4, 9, 17, false, true, 2, 0.25F, {4, 17}},
                                           Product{4, 9, 17, false, false, 1, 1, {4, 1}},
                                           Product{4, 9, 17, false, false, 1, 3, {}},
                                           Product{1, 1, 1, false, false, 1, 1, {1}}));

TEST(Kernels, IntegersDivideOrAreRefused) {
  GraphBuilder graph;
  graph.input("x", {3}, DataType::Int32)
      .input("y", {3}, DataType::Int32)
      .output("z", {3}, DataType::Int32);
  graph.add(node("Div", {"x", "y"}, {"z"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto divide = [&](const std::vector<std::int32_t>& x, const std::vector<std::int32_t>& y) {
    std::array<Tensor, 2> inputs{tensor(Shape{3}, x, DataType::Int32),
                                 tensor(Shape{3}, y, DataType::Int32)};
    return (*model)->run(inputs);
  };
  const std::int32_t least = std::numeric_limits<std::int32_t>::min();
  const auto good = divide({7, -7, least}, {2, 2, -1});
  ASSERT_TRUE(good.ok()) << good.error();
  EXPECT_THAT((*good)[0].elements<std::int32_t>(), ::testing::ElementsAre(3, -3, least));
  const auto bad = divide({1, 2, 3}, {1, 0, 1});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "operator Div (node /Div): an integer is divided by zero");
}

// What PyTorch 1.13 writes for torch.sqrt of a whole number.
TEST(Kernels, SqrtOfAWholeNumberIsAFloat) {
  GraphBuilder graph;
  graph.input("i", {-1}, DataType::Int64).output("y", {-1});
  graph.add(node("Sqrt", {"i"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto roots =
      (*model)->run(one(tensor<std::int64_t>({4}, {0, 2, 256, -1}, DataType::Int64)));
  ASSERT_TRUE(roots.ok()) << roots.error();
  const auto y = (*roots)[0].elements<float>();
  EXPECT_THAT(y.first(3), ::testing::ElementsAre(0, std::sqrt(2.0F), 16));
  EXPECT_TRUE(std::isnan(y[3]));
}

TEST(Kernels, SqrtOfOtherWholeNumbersIsRefused) {
  GraphBuilder graph;
  graph.input("i", {-1}, DataType::Int32).output("y", {-1});
  graph.add(node("Sqrt", {"i"}, {"y"}));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().message, "operator Sqrt (node /Sqrt): INT32 is not supported");
}

TEST(Kernels, GatherStaysInsideItsTensor) {
  GraphBuilder graph;
  graph.input("i", {-1}, DataType::Int64)
      .weights("w", {3, 2}, {1, 2, 3, 4, 5, 6})
      .output("y", {-1, 2});
  graph.add(node("Gather", {"w", "i"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto good = (*model)->run(one(tensor<std::int64_t>({2}, {-1, 0}, DataType::Int64)));
  ASSERT_TRUE(good.ok()) << good.error();
  EXPECT_THAT((*good)[0].elements<float>(), ::testing::ElementsAre(5, 6, 1, 2));
  for (const std::int64_t wrong :
       {std::int64_t{3}, std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()}) {
    const auto bad = (*model)->run(one(tensor<std::int64_t>({1}, {wrong}, DataType::Int64)));
    ASSERT_FALSE(bad.ok());
    EXPECT_THAT(bad.error().message, ::testing::HasSubstr("is not among 3"));
  }
}

TEST(Kernels, AreListedInOrderAndOnce) {
  const auto names = kernels::operators();
  EXPECT_TRUE(std::ranges::is_sorted(names, {}, &kernels::Operator::name));
  EXPECT_EQ(std::ranges::adjacent_find(names, {}, &kernels::Operator::name), names.end());
}

}  // namespace
}  // namespace torchkeep::runtime::testing
