// In which memory a normalisation writes: that of its input where nobody else wants it.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/runtime/answers.h"

namespace torchkeep::runtime::testing {
namespace {

using Numbers = std::vector<float>;

/// As LayerNormalization-17 defines it over the last dimension, with a scale of 2 and a bias of 1.
Numbers normalised(const Numbers& x, std::size_t columns) {
  Numbers out;
  for (std::size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < columns; ++i) mean += x[row + i];
    mean /= static_cast<double>(columns);
    for (std::size_t i = 0; i < columns; ++i) variance += std::pow(x[row + i] - mean, 2);
    variance /= static_cast<double>(columns);
    for (std::size_t i = 0; i < columns; ++i)
      out.push_back(static_cast<float>((x[row + i] - mean) / std::sqrt(variance + 1e-5) * 2 + 1));
  }
  return out;
}

/// What comes out of `before`, which makes "a" of "x", is normalised; `shown`: and handed out too.
void expect_normalised(const Message& before, const Shape& shape, const Numbers& x,
                       const Numbers& a, bool shown) {
  const auto columns = static_cast<std::size_t>(shape.back());
  GraphBuilder graph;
  graph.input("x", shape).output("y", shape);
  if (shown) graph.output("a", shape);
  Numbers filter(16 * 16, 0);  // of 1 by 1: each channel is itself
  for (std::size_t i = 0; i < 16; ++i) filter[17 * i] = 1;
  graph.weights("w", {16, 16, 1, 1}, filter);
  graph.weights("g", {shape.back()}, Numbers(columns, 2));
  graph.weights("c", {shape.back()}, Numbers(columns, 1));
  graph.add(before).add(node("LayerNormalization", {"a", "g", "c"}, {"y"}));
  std::vector<Numbers> wanted{normalised(a, columns)};
  if (shown) wanted.push_back(a);
  expect_answers(graph, one(tensor(shape, x)), wanted, 1e-4);
}

class NormalizationMemory : public ::testing::TestWithParam<bool> {
 protected:
  NormalizationMemory() {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  }
  const Shape shape{2, 16, 5, 24};
  Numbers x = Numbers(2 * 16 * 5 * 24);
};

TEST_P(NormalizationMemory, OfAnIntermediateResult) {
  Numbers a = x;
  for (float& value : a) value = std::max(value, 0.0F);
  expect_normalised(node("Relu", {"x"}, {"a"}), shape, x, a, GetParam());
}

TEST_P(NormalizationMemory, OfChannelsThatLieAsAConvolutionLikesThem) {
  expect_normalised(node("Conv", {"x", "w"}, {"a"}), shape, x, x, GetParam());
}

TEST_P(NormalizationMemory, OfRowsThatRepeat) {
  Numbers row(x.begin(), x.begin() + 24), a;
  for (int i = 0; i < 2 * 16 * 5; ++i) a.insert(a.end(), row.begin(), row.end());
  GraphBuilder graph;
  graph.input("x", {1, 1, 1, 24}).output("y", shape);
  if (GetParam()) graph.output("a", shape);
  graph.initializer("s", DataType::Int64, {4}, shape);
  graph.weights("g", {24}, Numbers(24, 2)).weights("c", {24}, Numbers(24, 1));
  graph.add(node("Expand", {"x", "s"}, {"a"}));
  graph.add(node("LayerNormalization", {"a", "g", "c"}, {"y"}));
  std::vector<Numbers> wanted{normalised(a, 24)};
  if (GetParam()) wanted.push_back(a);
  expect_answers(graph, one(tensor({1, 1, 1, 24}, row)), wanted, 1e-4);
}

TEST_P(NormalizationMemory, OfTheModelsOwnInputWhichStays) {
  GraphBuilder graph;
  graph.input("x", shape).output("y", shape).output("z", shape);
  graph.weights("g", {24}, Numbers(24, 2)).weights("c", {24}, Numbers(24, 1));
  graph.add(node("LayerNormalization", {"x", "g", "c"}, {"y"})).add(node("Neg", {"x"}, {"z"}));
  Numbers z = x;
  for (float& value : z) value = -value;
  expect_answers(graph, one(tensor(shape, x)), {normalised(x, 24), z}, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Shown, NormalizationMemory, ::testing::Bool());

}  // namespace
}  // namespace torchkeep::runtime::testing
