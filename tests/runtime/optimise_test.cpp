// What each pass makes of a graph; that answers stay the same is seen in kernels_test.cpp.
#include "torchkeep/runtime/optimise/optimise.h"

#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

class Optimise : public Passes {
 protected:
  dnn::Machine machine_;
  Pool pool_{1};
};

GraphBuilder image() {
  GraphBuilder graph;
  graph.input("x", {1, 1, 4, 4}).weights("w", {1, 1, 1, 1}, {2}).output("y", {1, 1, 4, 4});
  return graph;
}

TEST_F(Optimise, IdentitiesAndDropoutGo) {
  graph::Graph graph = check(image()
                                 .add(node("Identity", {"x"}, {"a"}))
                                 .add(node("Dropout", {"a"}, {"b"}))
                                 .add(node("Relu", {"b"}, {"c"}))
                                 .add(node("Identity", {"c"}, {"y"})));
  optimise::drop_identities(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Relu"));
  EXPECT_EQ(graph.nodes[0].inputs[0], graph.inputs[0]);
  EXPECT_EQ(graph.nodes[0].outputs[0], graph.outputs[0]);
}

TEST_F(Optimise, ADropoutWhoseMaskIsReadStays) {
  graph::Graph graph = check(
      image().add(node("Dropout", {"x"}, {"y", "m"})).output("m", {1, 1, 4, 4}, DataType::Bool));
  optimise::drop_identities(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Dropout"));
}

TEST_F(Optimise, WhatDependsOnParametersAloneIsRunOnce) {
  GraphBuilder builder = image();
  builder.weights("m", {2, 3}, {1, 2, 3, 4, 5, 6})
      .add(node("Transpose", {"m"}, {"t"}))
      .add(node("Neg", {"t"}, {"n"}));
  graph::Graph graph = check(builder.add(node("Relu", {"x"}, {"y"})).output("n", {3, 2}));
  ASSERT_TRUE(optimise::fold_constants(graph, machine_, pool_, 1 << 20, false).ok());
  EXPECT_THAT(operators(graph), ElementsAre("Relu"));
  EXPECT_THAT(std::as_const(*graph.values[graph.outputs[1]].constant).elements<float>(),
              ElementsAre(-1, -4, -2, -5, -3, -6));
}

TEST_F(Optimise, WhatIsTooLargeToFoldIsLeftToTheRuns) {
  GraphBuilder builder = image();
  builder.weights("m", {2, 3}, {1, 2, 3, 4, 5, 6})
      .add(node("Transpose", {"m"}, {"t"}))
      .add(node("Relu", {"x"}, {"y"}))
      .output("t", {3, 2});
  graph::Graph graph = check(builder);
  ASSERT_TRUE(optimise::fold_constants(graph, machine_, pool_, 8, false).ok());
  EXPECT_THAT(operators(graph), ElementsAre("Transpose", "Relu"));
}

TEST_F(Optimise, NormalisationGoesIntoTheWeightsBeforeIt) {
  GraphBuilder builder = image();
  for (const auto& [name, value] :
       {std::pair{"scale", 6.0F}, {"shift", 1.0F}, {"mean", 10.0F}, {"variance", 4.0F}})
    builder.weights(name, {1}, {value});
  builder.add(node("Conv", {"x", "w"}, {"c"}))
      .add(node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"},
                {float_attribute("epsilon", 0)}));
  graph::Graph graph = check(builder);
  ASSERT_TRUE(optimise::fold_batch_normalization(graph).ok());
  ASSERT_THAT(operators(graph), ElementsAre("Conv"));
  const auto elements = [&](std::size_t input) {
    return std::as_const(*graph.values[graph.nodes[0].inputs[input]].constant).elements<float>();
  };
  EXPECT_THAT(elements(1), ElementsAre(6));    // 2 * 6 / sqrt(4)
  EXPECT_THAT(elements(2), ElementsAre(-29));  // (0 - 10) * 3 + 1
}

TEST_F(Optimise, NormalisationStaysWhereSomebodyElseReadsTheConvolution) {
  GraphBuilder builder = image();
  for (const char* name : {"scale", "shift", "mean", "variance"}) builder.weights(name, {1}, {1});
  builder.add(node("Conv", {"x", "w"}, {"c"}))
      .add(node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"}))
      .output("c", {1, 1, 4, 4});
  graph::Graph graph = check(builder);
  ASSERT_TRUE(optimise::fold_batch_normalization(graph).ok());
  EXPECT_THAT(operators(graph), ElementsAre("Conv", "BatchNormalization"));
}

TEST_F(Optimise, TheLaterConvolutionTakesTheSumAndItsActivation) {
  GraphBuilder builder = image();
  builder.weights("v", {1, 1, 1, 1}, {3})
      .add(node("Conv", {"x", "w"}, {"a"}, {}, "first"))
      .add(node("Conv", {"x", "v"}, {"b"}, {}, "second"));
  graph::Graph graph =
      check(builder.add(node("Add", {"b", "a"}, {"s"})).add(node("Relu", {"s"}, {"y"})));
  optimise::fuse_residual(graph);
  optimise::fuse_activation(graph);
  ASSERT_THAT(operators(graph), ElementsAre("Conv", "Conv"));
  EXPECT_EQ(graph.nodes[1].name, "second");
  EXPECT_EQ(graph.nodes[1].residual, graph.nodes[0].outputs[0]);
  EXPECT_EQ(graph.nodes[1].activation.kind, graph::Activation::Kind::Relu);
  EXPECT_EQ(graph.nodes[1].outputs[0], graph.outputs[0]);
}

TEST_F(Optimise, ASumOfAConvolutionThatIsReadElsewhereStays) {
  graph::Graph graph = check(image()
                                 .add(node("Conv", {"x", "w"}, {"a"}))
                                 .add(node("Add", {"a", "x"}, {"y"}))
                                 .output("a", {1, 1, 4, 4}));
  optimise::fuse_residual(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Conv", "Add"));
}

TEST_F(Optimise, ASumOfAConvolutionWithItselfStays) {
  graph::Graph graph =
      check(image().add(node("Conv", {"x", "w"}, {"a"})).add(node("Add", {"a", "a"}, {"y"})));
  optimise::fuse_residual(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Conv", "Add"));
}

TEST_F(Optimise, AClipBecomesAnActivationIfItsBoundsAreKnown) {
  GraphBuilder builder = image();
  builder.weights("low", {}, {0})
      .weights("high", {}, {6})
      .add(node("Conv", {"x", "w"}, {"a"}))
      .add(node("Clip", {"a", "low", "high"}, {"y"}));
  graph::Graph graph = check(builder);
  optimise::fuse_activation(graph);
  ASSERT_THAT(operators(graph), ElementsAre("Conv"));
  EXPECT_EQ(graph.nodes[0].activation.kind, graph::Activation::Kind::Clip);
  EXPECT_EQ(graph.nodes[0].activation.high, 6);
}

TEST_F(Optimise, WhatNobodyReadsGoesAndIsWiped) {
  GraphBuilder builder = image();
  builder.weights("v", {1}, {3})
      .add(node("Neg", {"v"}, {"u"}))
      .add(node("Tanh", {"u"}, {"t"}))
      .add(node("Relu", {"x"}, {"y"}));
  graph::Graph graph = check(builder);
  optimise::drop_unused(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Relu"));
  EXPECT_TRUE(std::ranges::all_of(parameters(), [](std::uint8_t byte) { return byte == 0; }))
      << "both parameters are unused";
}

}  // namespace
}  // namespace torchkeep::runtime::testing
