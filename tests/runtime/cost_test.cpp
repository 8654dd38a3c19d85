// What a run says that it reads: parameters as they are stored, state as far as it goes.
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

constexpr std::int64_t kInner = 64, kColumns = 128;
constexpr std::uint64_t kWeights = kInner * kColumns, kScales = kColumns * sizeof(float),
                        kRow = kInner * sizeof(float);  // the input's

std::uint64_t bytes_read(
    const GraphBuilder& graph, std::int64_t opset = 17,
    std::vector<Tensor> inputs = one(tensor({1, kInner}, std::vector<float>(kInner, 0.5F)))) {
  const auto model = load(graph.payload(opset));
  EXPECT_TRUE(model.ok()) << model.error();
  if (!model.ok()) return 0;
  const auto outputs = (*model)->run(inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.error();
  return (*model)->last_cost().read_bytes;
}

GraphBuilder floats() {
  GraphBuilder graph;
  std::mt19937 random(3);
  graph.input("x", {-1, kInner}).output("y", {-1, kColumns});
  graph.random_weights("w", {kInner, kColumns}, 1, random);
  graph.add(node("MatMul", {"x", "w"}, {"y"}));
  return graph;
}

/// Numbers from `low` to `low + span - 1`, a scale for each column.
GraphBuilder numbers(int low, int span) {
  GraphBuilder graph;
  graph.input("x", {-1, kInner}).output("y", {-1, kColumns});
  std::vector<std::int8_t> values(kWeights);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::int8_t>(low + static_cast<int>(i % static_cast<unsigned>(span)));
  graph.initializer("w", DataType::Int8, {kInner, kColumns}, values);
  graph.weights("s", {kColumns}, std::vector<float>(kColumns, 0.01F));
  graph.add(node("DequantizeLinear", {"w", "s"}, {"f"}, {int_attribute("axis", 1)}));
  graph.add(node("MatMul", {"x", "f"}, {"y"}));
  return graph;
}

TEST(Cost, CountsParametersAsTheyAreStored) {
  EXPECT_EQ(bytes_read(floats()), kRow + kWeights * sizeof(float));
  EXPECT_EQ(bytes_read(numbers(-127, 255)), kRow + kWeights + kScales);
  EXPECT_EQ(bytes_read(numbers(-8, 16)), kRow + kWeights / 2 + kScales);
}

TEST(Cost, CountsMatricesOnceHoweverManyRowsThereAre) {
  const std::vector<float> rows(9 * kInner, 0.5F);
  EXPECT_EQ(bytes_read(floats(), 17, one(tensor({9, kInner}, rows))),
            9 * kRow + kWeights * sizeof(float));
}

TEST(Cost, CountsNoTableThatIsOnlyLookedUpIn) {
  GraphBuilder graph;
  std::mt19937 random(4);
  graph.input("ids", {-1}, DataType::Int64).output("y", {-1, kColumns});
  graph.random_weights("table", {1000, kInner}, 1, random);
  graph.random_weights("w", {kInner, kColumns}, 1, random);
  graph.add(node("Gather", {"table", "ids"}, {"x"}));
  graph.add(node("MatMul", {"x", "w"}, {"y"}));
  EXPECT_EQ(bytes_read(graph, 17, one(tensor<std::int64_t>({1}, {7}, DataType::Int64))),
            kWeights * sizeof(float));
}

/// q attends to a cache that grows: `groups` heads of keys for 4 heads of queries.
GraphBuilder decoder(std::int64_t groups) {
  GraphBuilder graph;
  graph.input("q", {1, 4, -1, 16}).input("n", {1, groups, -1, 16});
  graph.input("pk", {1, groups, -1, 16}).input("pv", {1, groups, -1, 16});
  graph.output("y", {1, 4, -1, 16});
  graph.output("k", {1, groups, -1, 16}).output("v", {1, groups, -1, 16});
  for (const std::string& which : {std::string("k"), std::string("v")}) {
    graph.add(node("Concat", {"p" + which, "n"}, {which}, {int_attribute("axis", -2)}));
    graph.add(node("Unsqueeze", {which, "two"}, {which + "u"}));
    graph.add(node("Expand", {which + "u", "spread"}, {which + "e"}));
    graph.add(node("Reshape", {which + "e", "heads"}, {which + "h"}));
  }
  graph.initializer<std::int64_t>("two", DataType::Int64, {1}, {2});
  graph.initializer<std::int64_t>("spread", DataType::Int64, {5}, {1, 1, 4 / groups, 1, 1});
  graph.initializer<std::int64_t>("heads", DataType::Int64, {4}, {1, 4, -1, 16});
  graph.add(node("Transpose", {"kh"}, {"kt"}, {ints_attribute("perm", {0, 1, 3, 2})}));
  graph.add(node("MatMul", {"q", "kt"}, {"s"}));
  graph.add(node("Softmax", {"s"}, {"p"}, {int_attribute("axis", -1)}));
  graph.add(node("MatMul", {"p", "vh"}, {"y"}));
  return graph;
}

TEST(Cost, CountsStateAsFarAsItGoesAndSharedHeadsOnce) {
  for (const std::int64_t groups : {4, 2, 1}) {
    const auto model = load(decoder(groups).payload()).value();
    Carried state(model->inputs(), model->outputs(), {{1, 2}, {2, 3}});
    std::mt19937 random(5);
    for (const std::int64_t past : {7, 8, 9}) {
      std::vector<Tensor> inputs;
      inputs.push_back(random_tensor({1, 4, 1, 16}, random));
      inputs.push_back(random_tensor({1, groups, 1, 16}, random));
      for (int i = 0; i < 2; ++i)
        inputs.push_back(past == 7 ? random_tensor({1, groups, 7, 16}, random) : Tensor());
      ASSERT_TRUE(model->run(std::move(inputs), state).ok());
      state.accept();
      const auto queries = std::uint64_t{4} * 16 * sizeof(float),
                 cache = static_cast<std::uint64_t>(groups * past) * 16 * sizeof(float);
      EXPECT_EQ(model->last_cost().read_bytes, queries + 2 * cache) << groups << " " << past;
    }
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
