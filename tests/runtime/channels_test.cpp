// Loops over channels that lie side by side, alone and behind a convolution that leaves them so.
#include "torchkeep/runtime/kernels/channels.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/node_case.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using dnn::BinaryKind;

TEST(Channels, AreCombinedWithANumberEach) {
  const std::vector<float> all{1, 2, 3, 4, 5, 6}, each{10, 20, 30};
  std::vector<float> to(6);
  const auto combined = [&](BinaryKind kind) {
    kernels::combine_channels(kind, all.data(), each.data(), to.data(), 2, 3);
    return to;
  };
  EXPECT_THAT(combined(BinaryKind::Mul), ::testing::ElementsAre(10, 40, 90, 40, 100, 180));
  EXPECT_THAT(combined(BinaryKind::Add), ::testing::ElementsAre(11, 22, 33, 14, 25, 36));
  EXPECT_THAT(combined(BinaryKind::Sub), ::testing::ElementsAre(-9, -18, -27, -6, -15, -24));
}

TEST(Channels, AreCombinedInPlace) {
  std::vector<float> all(40 * 37, 2);
  const std::vector<float> each(37, 3);
  kernels::combine_channels(BinaryKind::Mul, all.data(), each.data(), all.data(), 40, 37);
  EXPECT_THAT(all, ::testing::Each(6));
}

TEST(Channels, HaveTheirMeanOverAllPlaces) {
  std::vector<float> from;
  for (int p = 0; p < 130; ++p) {
    for (int c = 0; c < 70; ++c) from.push_back(static_cast<float>(p * c));
  }
  std::vector<float> to(70, -1);
  kernels::average_places(from.data(), to.data(), 130, 70, 1, 69);
  EXPECT_EQ(to.front(), -1);
  EXPECT_EQ(to.back(), -1);
  for (std::size_t c = 1; c < 69; ++c) EXPECT_FLOAT_EQ(to[c], 64.5F * static_cast<float>(c)) << c;
}

TEST(Channels, ManySmallNumbersAreNotLostInTheirMean) {
  const std::vector<float> from(std::size_t{1} << 16, 0.1F);
  float mean = 0;
  kernels::average_places(from.data(), &mean, from.size(), 1, 0, 1);
  EXPECT_NEAR(mean, 0.1F, 1e-5);  // one sum of all is further off
}

struct Gate {
  const char* op;
  std::int64_t batch;
  bool gate_first;
};
class Gates : public ::testing::TestWithParam<Gate> {};

// A depthwise convolution, the mean of its result, and the result with that gate: what
// squeeze-and-excitation is made of.
TEST_P(Gates, AgreeWithTheDefinition) {
  const Gate& gate = GetParam();
  std::mt19937 random(4);
  const ReferenceConvolution c{gate.batch, 48, 9, 7, 48, 3, 3, 48, 1, 1, 1, 1, 1, 1};
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.5F, random);
  graph.input("x", c.input_shape())
      .output("y", c.output_shape())
      .output("m", {gate.batch, 48, 1, 1});
  graph.add(node("Conv", {"x", "w"}, {"c"},
                 {int_attribute("group", 48), ints_attribute("pads", {1, 1, 1, 1})}));
  graph.add(node("GlobalAveragePool", {"c"}, {"m"}));
  graph.add(node(
      gate.op,
      gate.gate_first ? std::vector<std::string>{"m", "c"} : std::vector<std::string>{"c", "m"},
      {"y"}));
  const std::vector<Tensor> inputs = tensors(random_tensor(c.input_shape(), random));
  const auto middle = reference_convolution(c, inputs[0].elements<float>(), weights, {});
  std::vector<float> wanted, means;
  for (std::size_t i = 0; i < middle.size(); i += 63) {
    double sum = 0;
    for (std::size_t p = 0; p < 63; ++p) sum += double{middle[i + p]};
    means.push_back(static_cast<float>(sum / 63));
    for (std::size_t p = 0; p < 63; ++p) {
      const float one = middle[i + p], mean = means.back();
      wanted.push_back(std::string_view(gate.op) == "Mul"   ? one * mean
                       : std::string_view(gate.op) == "Add" ? one + mean
                       : gate.gate_first                    ? mean - one
                                                            : one - mean);
    }
  }
  for (const int threads : {1, 3}) {
    const auto model = load(graph, {.threads = threads});
    ASSERT_TRUE(model.ok()) << model.error();
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), wanted), 1e-5);
    EXPECT_LT(largest_difference((*outputs)[1].elements<float>(), means), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Channels, Gates,
                         ::testing::Values(Gate{"Mul", 1, false}, Gate{"Mul", 3, false},
                                           Gate{"Mul", 2, true}, Gate{"Add", 2, false},
                                           Gate{"Sub", 2, false}, Gate{"Sub", 2, true}));

}  // namespace
}  // namespace torchkeep::runtime::testing
