// Graphs of chance against the operators' plain definitions: optimised, planned, on one thread and
// on two, asked twice.
#include "tests/runtime/random_graph_nodes.h"

#include <gtest/gtest.h>

namespace torchkeep::runtime::testing {
namespace {

class RandomGraphs : public ::testing::TestWithParam<unsigned> {};

constexpr unsigned kGraphsEach = 50;

TEST_P(RandomGraphs, AreAnsweredAsDefined) {
  for (unsigned seed = GetParam(); seed < GetParam() + kGraphsEach; ++seed) {
    std::mt19937 random(seed);
    Bytes decisions(20 + random() % 150);
    for (std::uint8_t& byte : decisions) byte = static_cast<std::uint8_t>(random());
    const RandomGraph graph(decisions);
    const auto model = load(graph.graph(), {.threads = static_cast<int>(1 + seed % 2)});
    ASSERT_TRUE(model.ok()) << "seed " << seed << ": " << model.error();
    for (int turn = 0; turn < 2; ++turn) {
      const auto answers = (*model)->run(graph.inputs());
      ASSERT_TRUE(answers.ok()) << "seed " << seed << ": " << answers.error();
      ASSERT_EQ(graph.find_difference(*answers), "") << "seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphs, ::testing::Range(0U, 400U, kGraphsEach));

// What is compared would be seen if it were wrong.
TEST(RandomGraph, DifferencesAreSeen) {
  const Bytes decisions{0, 4, 1, 0, 0, 0};
  const RandomGraph graph(decisions);
  const auto model = load(graph.graph());
  ASSERT_TRUE(model.ok()) << model.error();
  auto answers = (*model)->run(graph.inputs());
  ASSERT_TRUE(answers.ok()) << answers.error();
  ASSERT_EQ(graph.find_difference(*answers), "");
  answers->front().elements<float>()[0] += 0.01F;
  EXPECT_NE(graph.find_difference(*answers), "");
}

}  // namespace
}  // namespace torchkeep::runtime::testing
