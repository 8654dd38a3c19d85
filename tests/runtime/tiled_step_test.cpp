// Products with parameters whose inputs are more than a cache holds: they are summed slice by
// slice.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/runtime/answers.h"

namespace torchkeep::runtime::testing {
namespace {

struct Shapes {
  std::int64_t rows, inputs, columns;
};

void PrintTo(const Shapes& s, std::ostream* out) {
  *out << s.rows << " x " << s.inputs << " x " << s.columns;
}

std::vector<float> multiply(const Shapes& s, std::span<const float> x, std::span<const float> w) {
  const auto rows = static_cast<std::size_t>(s.rows), inputs = static_cast<std::size_t>(s.inputs),
             columns = static_cast<std::size_t>(s.columns);
  std::vector<float> to;
  std::vector<double> sums(columns);
  for (std::size_t r = 0; r < rows; ++r) {
    std::ranges::fill(sums, 0.0);
    for (std::size_t i = 0; i < inputs; ++i) {
      const double one = x[r * inputs + i];
      for (std::size_t j = 0; j < columns; ++j) sums[j] += one * double{w[i * columns + j]};
    }
    for (const double sum : sums) to.push_back(static_cast<float>(sum));
  }
  return to;
}

class SlicedProducts : public ::testing::TestWithParam<Shapes> {};

TEST_P(SlicedProducts, AgreeWithTheDefinition) {
  const Shapes& s = GetParam();
  std::mt19937 random(11);
  const float scale = 1 / std::sqrt(static_cast<float>(s.inputs));
  GraphBuilder graph;
  const auto w = graph.random_weights("w", {s.inputs, s.columns}, scale, random);
  const auto bias = graph.random_weights("b", {s.columns}, 1, random);
  graph.input("x", {s.rows, s.inputs}).input("r", {s.rows, s.columns});
  graph.output("y", {s.rows, s.columns}).output("z", {s.rows, s.columns});
  graph.add(node("MatMul", {"x", "w"}, {"y"}));
  // Once more with all that can be done to it at last, and only then.
  graph.add(node("MatMul", {"x", "w"}, {"m"})).add(node("Add", {"m", "b"}, {"c"}));
  graph.add(node("Add", {"c", "r"}, {"s"})).add(node("Relu", {"s"}, {"z"}));
  const std::vector<Tensor> inputs = tensors(random_tensor({s.rows, s.inputs}, random),
                                             random_tensor({s.rows, s.columns}, random));
  const std::vector<float> product = multiply(s, inputs[0].elements<float>(), w);
  std::vector<float> last = product;
  for (std::size_t i = 0; i < last.size(); ++i)
    last[i] = std::max(0.0F, last[i] + bias[i % bias.size()] + inputs[1].elements<float>()[i]);
  expect_answers(graph, inputs, {product, last}, 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, SlicedProducts,
                         ::testing::Values(Shapes{171, 1600, 64},  // slices of 544, 544 and 512
                                           Shapes{170, 1553, 64},  // the last not of sixteens
                                           Shapes{128, 3072, 72},  // narrow
                                           Shapes{163, 1600, 64},  // few enough for one slice
                                           Shapes{300, 1535, 64}));

}  // namespace
}  // namespace torchkeep::runtime::testing
