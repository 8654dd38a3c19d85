// Matrices of parameters that are written turned over: products read them as they lie.
#include <gmock/gmock.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/answers.h"
#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kInner = 5, kColumns = 20;

/// `w` [columns, inner], numbers of its own each.
std::vector<float> matrix(std::int64_t columns = kColumns, std::int64_t inner = kInner) {
  std::vector<float> values(static_cast<std::size_t>(columns * inner));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<int>(i % 23) - 11) * 0.25F;
  return values;
}

/// x [rows, kInner] times the transpose of w; more may be said of the transposition.
GraphBuilder turned(std::vector<Message> attributes = {ints_attribute("perm", {1, 0})},
                    std::int64_t columns = kColumns) {
  GraphBuilder graph;
  graph.input("x", {2, kInner}).output("y", {2, columns});
  graph.weights("w", {columns, kInner}, matrix(columns));
  graph.add(node("Transpose", {"w"}, {"t"}, attributes));
  return graph.add(node("MatMul", {"x", "t"}, {"y"}));
}

class TurnedWeights : public Passes {
 protected:
  graph::Graph fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder);
    optimise::fuse_turned_weights(graph);
    return graph;
  }
  void expect_as_written(const GraphBuilder& builder) {
    const graph::Graph before = check(builder);
    const std::vector<std::string> wanted = operators(before);
    const graph::Graph after = fused(builder);
    EXPECT_EQ(operators(after), wanted);
    for (const graph::Node& node : after.nodes) EXPECT_FALSE(node.turned);
  }
};

TEST_F(TurnedWeights, AreReadWhereTheyLie) {
  for (const auto& attributes : {std::vector<Message>{ints_attribute("perm", {1, 0})}, {}}) {
    const graph::Graph graph = fused(turned(attributes));
    ASSERT_THAT(operators(graph), ElementsAre("MatMul"));
    EXPECT_TRUE(graph.nodes[0].turned);
    const graph::Value& weights = graph.values[graph.nodes[0].inputs[1]];
    EXPECT_EQ(weights.name, "w");
    EXPECT_EQ(std::as_const(*weights.constant).bytes().data(), parameters().data());
  }
}

TEST_F(TurnedWeights, StayForOthersThatReadThem) {
  const graph::Graph graph = fused(turned().output("t", {kInner, kColumns}));
  EXPECT_THAT(operators(graph), ElementsAre("Transpose", "MatMul"));
  EXPECT_TRUE(graph.nodes[1].turned);
}

TEST_F(TurnedWeights, AMatrixThatStaysAsItIsIsNotTurned) {
  GraphBuilder graph;
  graph.input("x", {2, kInner}).output("y", {2, kColumns});
  graph.weights("w", {kInner, kColumns}, matrix());
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {0, 1})}));
  expect_as_written(graph.add(node("MatMul", {"x", "t"}, {"y"})));
}

TEST_F(TurnedWeights, ANarrowMatrixIsNotPackedAndSoNotTaken) {
  expect_as_written(turned({ints_attribute("perm", {1, 0})}, 15));
}

TEST_F(TurnedWeights, AMatrixWithoutElementsIsNotTaken) {
  GraphBuilder graph;
  graph.input("x", {2, 0}).output("y", {2, kColumns});
  graph.weights("w", {kColumns, 0}, {});
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  expect_as_written(graph.add(node("MatMul", {"x", "t"}, {"y"})));
}

TEST_F(TurnedWeights, AComputedMatrixIsNotTaken) {
  GraphBuilder graph;
  graph.input("x", {2, kInner}).input("w", {kColumns, kInner}).output("y", {2, kColumns});
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  expect_as_written(graph.add(node("MatMul", {"x", "t"}, {"y"})));
}

TEST_F(TurnedWeights, TheLeftSideIsNotTaken) {
  GraphBuilder graph;
  graph.input("x", {kColumns, 3}).output("y", {kInner, 3});
  graph.weights("w", {kColumns, kInner}, matrix());
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  expect_as_written(graph.add(node("MatMul", {"t", "x"}, {"y"})));
}

TEST_F(TurnedWeights, BatchesOfMatricesAreNotTaken) {
  GraphBuilder graph;
  graph.input("x", {2, 3, kInner}).output("y", {2, 3, kColumns});
  graph.weights("w", {2, kColumns, kInner}, matrix(2 * kColumns));
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {0, 2, 1})}));
  expect_as_written(graph.add(node("MatMul", {"x", "t"}, {"y"})));
}

TEST_F(TurnedWeights, OtherOperatorsReadThemTurned) {
  GraphBuilder graph;
  graph.input("x", {kInner, kColumns}).output("y", {kInner, kColumns});
  graph.weights("w", {kColumns, kInner}, matrix());
  graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  expect_as_written(graph.add(node("Add", {"x", "t"}, {"y"})));
}

// As keys they would be read in an order of their own.
TEST_F(TurnedWeights, ProductsWithThemAreNoAttention) {
  GraphBuilder builder;
  builder.input("q", {2, kInner}).output("y", {2, 3});
  builder.weights("k", {kColumns, kInner}, matrix()).weights("v", {kColumns, 3}, matrix(3, 20));
  builder.add(node("Transpose", {"k"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  builder.add(node("MatMul", {"q", "t"}, {"s"}));
  builder.add(node("Softmax", {"s"}, {"p"}, {int_attribute("axis", -1)}));
  builder.add(node("MatMul", {"p", "v"}, {"y"}));
  graph::Graph graph = fused(builder);
  optimise::fuse_attention(graph);
  EXPECT_THAT(operators(graph), ElementsAre("MatMul", "Softmax", "MatMul"));
}

TEST_F(TurnedWeights, ABiasHasANumberForEachOfTheirRows) {
  for (const std::int64_t size : {kColumns, kInner}) {
    GraphBuilder builder;
    builder.input("x", {2, kInner}).output("z", {2, kColumns});
    builder.weights("w", {kColumns, kInner}, matrix());
    builder.weights("b", {size}, std::vector<float>(static_cast<std::size_t>(size), 1));
    builder.add(node("Transpose", {"w"}, {"t"})).add(node("MatMul", {"x", "t"}, {"y"}));
    graph::Graph graph = fused(builder.add(node("Add", {"y", "b"}, {"z"})));
    optimise::fuse_bias(graph);
    EXPECT_EQ(graph.nodes[0].biased, size == kColumns);
  }
}

/// x [rows, inner] times w, and a number for each column.
std::vector<float> by_definition(std::span<const float> x, const std::vector<float>& w,
                                 std::int64_t inner, std::span<const float> bias) {
  const auto step = static_cast<std::size_t>(inner);
  std::vector<float> sums;
  for (std::size_t row = 0; row < x.size() / step; ++row) {
    for (std::size_t column = 0; column < w.size() / step; ++column) {
      double sum = bias[column];
      for (std::size_t i = 0; i < step; ++i)
        sum += double{x[row * step + i]} * double{w[column * step + i]};
      sums.push_back(static_cast<float>(sum));
    }
  }
  return sums;
}

TEST(TurnedWeightsAnswers, AreThoseOfTheDefinition) {
  std::mt19937 random(7);
  for (const Shape& shape : {Shape{1, 70}, Shape{70}, Shape{9, 70}, Shape{2, 3, 70}}) {
    GraphBuilder graph;
    Shape output = shape;
    output.back() = 130;
    graph.input("x", shape).output("y", output);
    const auto w = graph.random_weights("w", {130, 70}, 0.1F, random);
    const auto b = graph.random_weights("b", {130}, 1, random);
    graph.add(node("Transpose", {"w"}, {"t"}, {ints_attribute("perm", {1, 0})}));
    graph.add(node("MatMul", {"x", "t"}, {"p"})).add(node("Add", {"p", "b"}, {"y"}));
    const std::vector<Tensor> inputs = one(random_tensor(shape, random));
    expect_answers(graph, inputs, {by_definition(inputs[0].elements<float>(), w, 70, b)}, 1e-5);
  }
}

TEST(TurnedWeightsAnswers, ATableServesItsHeadWithoutACopyToTurnIt) {
  std::mt19937 random(8);
  GraphBuilder graph;
  graph.input("ids", {3}, DataType::Int64).output("y", {3, 192});
  const auto table = graph.random_weights("table", {192, 32}, 1, random);
  graph.add(node("Gather", {"table", "ids"}, {"x"}));
  graph.add(node("Transpose", {"table"}, {"t"}, {ints_attribute("perm", {1, 0})}));
  graph.add(node("MatMul", {"x", "t"}, {"y"}));
  const std::vector<Tensor> inputs = one(tensor<std::int64_t>({3}, {191, 0, 7}, DataType::Int64));
  std::vector<float> x;
  for (const std::size_t id : {191U, 0U, 7U})
    x.insert(x.end(), &table[id * 32], &table[id * 32] + 32);
  expect_answers(graph, inputs, {by_definition(x, table, 32, std::vector<float>(192, 0))}, 1e-4);
  const auto model = load(graph).value();
  const std::size_t copies = kernels::has_tiles() ? 1 : 2;  // in panels; as it is too
  EXPECT_EQ(model->parameter_bytes(), copies * table.size() * sizeof(float));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
