// Graphs whose open side takes one size alone, because the batch of the export is written into
// them: loaded, answered on that size, and refused on others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::HasSubstr;

/// y is x [batch, 2, 3] as [4, 6], doubled.
GraphBuilder reshaped() {
  GraphBuilder graph;
  graph.input("x", {-1, 2, 3}).output("y", {4, 6});
  return graph.add(constant_node("shape", {4, 6}))
      .add(node("Reshape", {"x", "shape"}, {"flat"}, {}, "/head/Reshape"))
      .add(node("Add", {"flat", "flat"}, {"y"}));
}

std::vector<Tensor> images(std::int64_t batch) {
  return one(tensor({batch, 2, 3}, std::vector<float>(static_cast<std::size_t>(6 * batch), 1.5F)));
}

TEST(OneBatch, ThatAReshapeNamesIsAnsweredAndOthersRefused) {
  const auto model = load(reshaped());
  ASSERT_TRUE(model.ok()) << model.error();
  for (const std::int64_t batch : {4, 1, 4, 5, 0, 8, 4}) {
    const auto outputs = (*model)->run(images(batch));
    ASSERT_EQ(outputs.ok(), batch == 4) << batch;
    if (outputs) {
      EXPECT_EQ(elements_of<float>((*outputs)[0]), std::vector<float>(24, 3.0F));
      continue;
    }
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
    EXPECT_THAT(outputs.error().message, HasSubstr("operator Reshape (node /head/Reshape)"));
  }
}

// Two images of 64 are 4 rows of 32: no constant says 2.
TEST(OneBatch, ThatFollowsFromAShapeIsAnswered) {
  GraphBuilder graph;
  graph.input("x", {-1, 64}).output("y", {4, 32}).add(constant_node("shape", {4, 32}));
  const auto model = load(graph.add(node("Reshape", {"x", "shape"}, {"y"})));
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_TRUE((*model)->run(one(tensor({2, 64}, std::vector<float>(128)))).ok());
  EXPECT_FALSE((*model)->run(one(tensor({4, 64}, std::vector<float>(256)))).ok());
}

// As an LSTM's first states, which PyTorch writes with the batch of the export.
TEST(OneBatch, ThatAParameterHasIsAnsweredAndOthersRefused) {
  GraphBuilder graph;
  graph.input("x", {-1, 1}).output("y", {-1, 3}).weights("h", {3, 2}, {1, 2, 3, 4, 5, 6});
  graph.add(node("Concat", {"x", "h"}, {"y"}, {int_attribute("axis", 1)}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({3, 1}, {7, 8, 9})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ(elements_of<float>((*outputs)[0]), (std::vector<float>{7, 1, 2, 8, 3, 4, 9, 5, 6}));
  EXPECT_EQ((*model)->run(one(tensor<float>({2, 1}, {7, 8}))).error().code, ErrorCode::Malformed);
}

// Weights that were packed for that size are all right: a layer behind it.
TEST(OneBatch, PacksItsWeightsForIt) {
  std::mt19937 random(2);
  GraphBuilder graph;
  graph.input("x", {-1, 32}).output("y", {8, 48});
  const auto weights = graph.random_weights("w", {32, 48}, 0.2F, random);
  graph.add(constant_node("shape", {8, 32}))
      .add(node("Reshape", {"x", "shape"}, {"flat"}))
      .add(node("MatMul", {"flat", "w"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_GE((*model)->parameter_bytes(), weights.size() * sizeof(float));
  std::vector<float> x(8 * 32, 0);
  x[32 + 5] = 2;  // row 1 becomes twice row 5 of the weights
  const auto outputs = (*model)->run(one(tensor({8, 32}, x)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  for (std::size_t i = 0; i < 48; ++i)
    EXPECT_NEAR((*outputs)[0].elements<float>()[48 + i], 2 * weights[5 * 48 + i], 1e-5);
}

class NoBatch : public ::testing::TestWithParam<Fault> {};

TEST_P(NoBatch, IsRefusedAtLoading) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    {"ShapesThatNeverFit",
     [] {
       GraphBuilder graph;
       graph.input("x", {-1, 3}).output("y", {-1, 5}).weights("w", {4, 5}, std::vector<float>(20));
       return graph.add(node("MatMul", {"x", "w"}, {"y"}, {}, "/head"));
     },
     "operator MatMul (node /head)"},
    {"AReshapeThatNoBatchFits",
     [] {
       GraphBuilder graph;
       graph.input("x", {-1, 6}).output("y", {5, 5}).add(constant_node("shape", {5, 5}));
       return graph.add(node("Reshape", {"x", "shape"}, {"y"}));
     },
     "operator Reshape"},
    {"AnotherType",
     [] {
       GraphBuilder graph;
       graph.input("x", {-1, 3}).output("y", {-1, 3}).add(constant_node("two", {2}));
       return graph.add(node("Add", {"x", "two"}, {"y"}));
     },
     "operator Add"},
    {"AnOutputDeclaredOtherwise",
     [] {
       GraphBuilder graph;
       graph.input("x", {-1, 3}).output("y", {7, 4});
       return graph.add(node("Relu", {"x"}, {"y"}));
     },
     "the graph declares FP32 [7, 4]"},
};

INSTANTIATE_TEST_SUITE_P(Graph, NoBatch, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
