// Biases, scales, residuals and curves that a product takes over: what matches, what must not, and
// that the answers stay those of the nodes as written.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {
namespace {

using graph::Activation;
using ::testing::ElementsAre;

class LinearFusions : public Passes {
 protected:
  graph::Graph fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder);
    optimise::fuse_bias(graph);
    optimise::fuse_scale(graph);
    optimise::fuse_curves(graph);
    optimise::fuse_residual(graph);
    return graph;
  }
};

/// x [rows, 3] times w [3, 2], called p.
GraphBuilder product(std::int64_t rows = 2) {
  GraphBuilder graph;
  graph.input("x", {rows, 3}).output("y", {rows, 2});
  graph.weights("w", {3, 2}, {1, -2, 3, 4, -5, 6}).weights("b", {2}, {0.5F, -1});
  return graph.add(node("MatMul", {"x", "w"}, {"p"}));
}

/// GELU of `of` by the error function, as PyTorch writes it.
GraphBuilder& add_gelu(GraphBuilder& graph, const std::string& of, float root = 1.41421356F,
                       float half = 0.5F) {
  graph.weights("root", {}, {root}).weights("one", {}, {1}).weights("half", {}, {half});
  return graph.add(node("Div", {of, "root"}, {"g1"}))
      .add(node("Erf", {"g1"}, {"g2"}))
      .add(node("Add", {"g2", "one"}, {"g3"}))
      .add(node("Mul", {of, "g3"}, {"g4"}))
      .add(node("Mul", {"g4", "half"}, {"y"}));
}

TEST_F(LinearFusions, AProductTakesItsBiasFromEitherSide) {
  for (const auto& sides : {std::vector<std::string>{"p", "b"}, {"b", "p"}}) {
    const graph::Graph graph = fused(product().add(node("Add", sides, {"y"})));
    EXPECT_THAT(operators(graph), ElementsAre("MatMul"));
    EXPECT_TRUE(graph.nodes[0].biased);
    EXPECT_EQ(graph.nodes[0].outputs[0], graph.outputs[0]);
  }
}

TEST_F(LinearFusions, AProductThatOthersReadKeepsItsSum) {
  const graph::Graph graph =
      fused(product().add(node("Add", {"p", "b"}, {"y"})).output("p", {2, 2}));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul", "Add"));
}

TEST_F(LinearFusions, ANumberForAllColumnsIsNoBias) {
  const graph::Graph graph =
      fused(product().weights("c", {1}, {2}).add(node("Add", {"p", "c"}, {"y"})));
  EXPECT_FALSE(graph.nodes[0].biased);
}

TEST_F(LinearFusions, AMatrixIsNoBias) {
  const graph::Graph graph =
      fused(product().weights("c", {2, 2}, {1, 2, 3, 4}).add(node("Add", {"p", "c"}, {"y"})));
  EXPECT_FALSE(graph.nodes[0].biased);
}

TEST_F(LinearFusions, AComputedSumIsNoBias) {
  GraphBuilder builder = product();
  builder.input("c", {2});
  EXPECT_FALSE(fused(builder.add(node("Add", {"p", "c"}, {"y"}))).nodes[0].biased);
}

TEST_F(LinearFusions, AProductTakesAScale) {
  const graph::Graph graph =
      fused(product().weights("c", {}, {8}).add(node("Div", {"p", "c"}, {"y"})));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul"));
  EXPECT_EQ(graph.nodes[0].scale, 0.125F);
}

TEST_F(LinearFusions, ANumberOverAProductIsNoScale) {
  const graph::Graph graph =
      fused(product().weights("c", {}, {8}).add(node("Div", {"c", "p"}, {"y"})));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul", "Div"));
}

TEST_F(LinearFusions, ADivisionByZeroStays) {
  const graph::Graph graph =
      fused(product().weights("c", {}, {0}).add(node("Div", {"p", "c"}, {"y"})));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul", "Div"));
}

TEST_F(LinearFusions, ABiasedProductTakesNoScale) {
  const graph::Graph graph = fused(product()
                                       .weights("c", {}, {8})
                                       .add(node("Add", {"p", "b"}, {"q"}))
                                       .add(node("Div", {"q", "c"}, {"y"})));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul", "Div"));
}

TEST_F(LinearFusions, AProductTakesAGelu) {
  GraphBuilder builder = product();
  builder.add(node("Add", {"p", "b"}, {"q"}));
  const graph::Graph graph = fused(add_gelu(builder, "q"));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul"));
  EXPECT_EQ(graph.nodes[0].activation.kind, Activation::Kind::Gelu);
  EXPECT_EQ(graph.nodes[0].outputs[0], graph.outputs[0]);
}

TEST_F(LinearFusions, WhatOnlyLooksLikeAGeluStays) {
  GraphBuilder other_root = product(), other_half = product(), read_within = product();
  EXPECT_EQ(fused(add_gelu(other_root, "p", 1.5F)).nodes.size(), 6U);
  EXPECT_EQ(fused(add_gelu(other_half, "p", 1.41421356F, 0.6F)).nodes.size(), 6U);
  add_gelu(read_within, "p").output("g2", {2, 2});
  EXPECT_EQ(fused(read_within).nodes.size(), 6U);
}

TEST_F(LinearFusions, AProductTakesASilu) {
  const graph::Graph graph =
      fused(product().add(node("Sigmoid", {"p"}, {"s"})).add(node("Mul", {"p", "s"}, {"y"})));
  EXPECT_THAT(operators(graph), ElementsAre("MatMul"));
  EXPECT_EQ(graph.nodes[0].activation.kind, Activation::Kind::Swish);
}

TEST_F(LinearFusions, ASigmoidOfSomethingElseIsNoSilu) {
  const graph::Graph graph = fused(product()
                                       .input("z", {2, 2})
                                       .add(node("Sigmoid", {"z"}, {"s"}))
                                       .add(node("Mul", {"p", "s"}, {"y"})));
  EXPECT_EQ(graph.nodes[0].activation.kind, Activation::Kind::None);
}

TEST_F(LinearFusions, AThirdReaderKeepsTheSilu) {
  const graph::Graph graph = fused(product()
                                       .output("p", {2, 2})
                                       .add(node("Sigmoid", {"p"}, {"s"}))
                                       .add(node("Mul", {"p", "s"}, {"y"})));
  EXPECT_EQ(graph.nodes.size(), 3U);
}

TEST_F(LinearFusions, ALinearLayerTakesAResidualButNotAfterACurve) {
  GraphBuilder plain = product(), bent = product();
  plain.input("r", {2, 2}).add(node("Add", {"r", "p"}, {"y"}));
  EXPECT_THAT(operators(fused(plain)), ElementsAre("MatMul"));
  bent.input("r", {2, 2})
      .add(node("Sigmoid", {"p"}, {"s"}))
      .add(node("Mul", {"p", "s"}, {"q"}))
      .add(node("Add", {"r", "q"}, {"y"}));
  EXPECT_THAT(operators(fused(bent)), ElementsAre("MatMul", "Add"));
}

TEST_F(LinearFusions, AThirdInputInAFileIsRefused) {
  GraphBuilder graph;
  graph.input("x", {2, 3}).output("y", {2, 2}).weights("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  graph.weights("b", {2}, {1, 2}).add(node("MatMul", {"x", "w", "b"}, {"y"}));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

// One row goes another way than several, and widths that are no multiple of a panel end in it.
TEST_F(LinearFusions, AnswersAreThoseOfTheNodesAsWritten) {
  for (const std::int64_t rows : {1, 2}) {
    for (const std::int64_t columns : {17, 64, 130}) {
      constexpr std::int64_t kInner = 33;
      std::mt19937 random(3);
      GraphBuilder graph;
      const auto w = graph.random_weights("w", {kInner, columns}, 0.3F, random);
      const auto v = graph.random_weights("v", {kInner, columns}, 0.3F, random);
      const auto b = graph.random_weights("b", {columns}, 1, random);
      graph.input("x", {rows, kInner}).output("y", {rows, columns}).output("z", {rows, columns});
      graph.add(node("MatMul", {"x", "w"}, {"p"})).add(node("Add", {"p", "b"}, {"q"}));
      add_gelu(graph, "q");
      graph.add(node("MatMul", {"x", "v"}, {"u"})).add(node("Add", {"y", "u"}, {"z"}));
      const Tensor input = random_tensor({rows, kInner}, random);
      const auto model = load(graph, {.threads = 2});
      ASSERT_TRUE(model.ok()) << model.error();
      const auto outputs = (*model)->run({&input, 1});
      ASSERT_TRUE(outputs.ok()) << outputs.error();
      for (std::int64_t i = 0; i < rows * columns; ++i) {
        double p = b[static_cast<std::size_t>(i % columns)], u = 0;
        for (std::int64_t k = 0; k < kInner; ++k) {
          const double x =
              input.elements<float>()[static_cast<std::size_t>(i / columns * kInner + k)];
          const auto at = static_cast<std::size_t>(k * columns + i % columns);
          p += x * double{w[at]};
          u += x * double{v[at]};
        }
        const auto at = static_cast<std::size_t>(i);
        ASSERT_NEAR((*outputs)[0].elements<float>()[at], gelu(p), 1e-4);
        ASSERT_NEAR((*outputs)[1].elements<float>()[at], gelu(p) + u, 1e-4);
      }
    }
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
