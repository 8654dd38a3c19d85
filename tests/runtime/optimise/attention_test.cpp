// Attention that is written out in several nodes: what is recognised, what must not be, and that
// answers stay those of the nodes as written.
#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using graph::WrittenAttention;
using ::testing::ElementsAre;

enum class Mask { None, Added, AddedToAll, Replaced, ReplacedNot };

struct Case {
  const char* name;
  std::int64_t batch = 1, heads = 2, queries = 3, keys = 4, width = 8, value_width = 8;
  Mask mask = Mask::None;
  bool flat = true;  ///< Heads lie side by side, and are transposed there and back.
  int threads = 2;
};

Message transpose(const std::string& from, const std::string& to,
                  const std::vector<std::int64_t>& permutation) {
  return node("Transpose", {from}, {to}, {ints_attribute("perm", permutation)});
}

/// Inputs q, k, v and perhaps m; output y. `shown`: a value of the graph that is an output too.
GraphBuilder written(const Case& c, const std::string& shown = "") {
  GraphBuilder graph;
  const auto heads = [&](std::int64_t rows, std::int64_t width) {
    return c.flat ? Shape{c.batch, rows, c.heads, width} : Shape{c.batch, c.heads, rows, width};
  };
  graph.input("q", heads(c.queries, c.width)).input("k", heads(c.keys, c.width));
  graph.input("v", heads(c.keys, c.value_width)).output("y", heads(c.queries, c.value_width));
  graph.weights("root", {}, {2.5F}).weights("low", {}, {-50});
  if (c.flat) {
    graph.add(transpose("q", "qt", {0, 2, 1, 3})).add(transpose("k", "kt", {0, 2, 3, 1}));
    graph.add(transpose("v", "vt", {0, 2, 1, 3}));
  } else {
    graph.add(transpose("k", "kt", {0, 1, 3, 2}));
  }
  graph.add(node("MatMul", {c.flat ? "qt" : "q", "kt"}, {"s"}));
  graph.add(node("Div", {"s", "root"}, {"scaled"}));
  std::string scores = "scaled";
  if (c.mask == Mask::Added || c.mask == Mask::AddedToAll) {
    const bool all = c.mask == Mask::AddedToAll;
    graph.input("m", all ? Shape{c.batch, 1, 1, c.keys} : Shape{c.queries, c.keys});
    graph.add(node("Add", {"scaled", "m"}, {"masked"}));
    scores = "masked";
  } else if (c.mask != Mask::None) {
    graph.input("m", {c.queries, c.keys}, DataType::Bool);
    const bool where = c.mask == Mask::Replaced;
    graph.add(node("Where", {"m", where ? "low" : "scaled", where ? "scaled" : "low"}, {"masked"}));
    scores = "masked";
  }
  graph.add(node("Softmax", {scores}, {"p"}, {int_attribute("axis", -1)}));
  graph.add(node("MatMul", {"p", c.flat ? "vt" : "v"}, {c.flat ? "o" : "y"}));
  if (c.flat) graph.add(transpose("o", "y", {0, 2, 1, 3}));
  if (!shown.empty()) graph.output(shown, {-1, -1, -1, -1});
  return graph;
}

std::vector<Tensor> inputs_of(const Case& c) {
  std::mt19937 random(11);
  const auto heads = [&](std::int64_t rows, std::int64_t width) {
    return c.flat ? Shape{c.batch, rows, c.heads, width} : Shape{c.batch, c.heads, rows, width};
  };
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor(heads(c.queries, c.width), random));
  inputs.push_back(random_tensor(heads(c.keys, c.width), random));
  inputs.push_back(random_tensor(heads(c.keys, c.value_width), random));
  if (c.mask == Mask::Added) inputs.push_back(random_tensor({c.queries, c.keys}, random));
  if (c.mask == Mask::AddedToAll) inputs.push_back(random_tensor({c.batch, 1, 1, c.keys}, random));
  if (c.mask == Mask::Replaced || c.mask == Mask::ReplacedNot) {
    std::vector<std::uint8_t> truths(static_cast<std::size_t>(c.queries * c.keys));
    for (auto& truth : truths) truth = random() % 3 == 0 ? 1 : 0;
    inputs.push_back(tensor<std::uint8_t>({c.queries, c.keys}, truths, DataType::Bool));
  }
  return inputs;
}

class WrittenOut : public ::testing::TestWithParam<Case> {};

TEST_P(WrittenOut, AnswersAreThoseOfTheNodesAsWritten) {
  const Case& c = GetParam();
  const std::vector<Tensor> inputs = inputs_of(c);
  const auto fused = load(written(c), {.threads = c.threads}), apart = load(written(c, "p"));
  ASSERT_TRUE(fused.ok()) << fused.error();
  ASSERT_TRUE(apart.ok()) << apart.error();
  const auto found = (*fused)->run(inputs), wanted = (*apart)->run(inputs);
  ASSERT_TRUE(found.ok()) << found.error();
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  EXPECT_EQ((*found)[0].shape, (*wanted)[0].shape);
  EXPECT_LT(largest_difference((*found)[0].elements<float>(), (*wanted)[0].elements<float>()),
            2e-5);
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Attention, WrittenOut,
    ::testing::Values(Case{"OneQuery", 1, 3, 1, 129, 64, 64},
                      Case{"OneQueryMasked", 2, 3, 1, 37, 24, 40, Mask::Added},
                      Case{"FewQueries", 1, 2, 4, 5, 3, 7, Mask::Replaced},
                      Case{"SomeQueries", 1, 2, 9, 70, 16, 16, Mask::ReplacedNot},
                      Case{"OneBlock", 1, 4, 64, 64, 64, 64, Mask::AddedToAll},
                      Case{"BlocksAndARest", 2, 2, 197, 197, 64, 64},
                      Case{"OddWidths", 1, 3, 67, 130, 33, 81, Mask::Added},
                      Case{"NarrowValues", 1, 1, 20, 6, 1, 1, Mask::Replaced},
                      Case{"HeadsApart", 2, 3, 33, 65, 20, 20, Mask::Added, false},
                      Case{"OneThread", 1, 3, 70, 65, 20, 20, Mask::ReplacedNot, true, 1}),
    case_name);

class Attention : public Passes {
 protected:
  graph::Graph fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder);
    optimise::fuse_scale(graph);
    optimise::fuse_attention(graph);
    optimise::drop_unused(graph);
    return graph;
  }
};

TEST_F(Attention, OneProductStandsForAll) {
  const graph::Graph graph = fused(written({.name = "", .mask = Mask::Added}));
  ASSERT_THAT(operators(graph), ElementsAre("MatMul"));
  const graph::Node& node = graph.nodes[0];
  ASSERT_TRUE(node.attention);
  EXPECT_EQ(node.attention->mask, WrittenAttention::Mask::Added);
  EXPECT_THAT(node.attention->key, ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(node.attention->output, ElementsAre(0, 2, 1, 3));
  EXPECT_FLOAT_EQ(node.scale, 0.4F);
  EXPECT_THAT(node.inputs,
              ElementsAre(graph.inputs[0], graph.inputs[1], graph.inputs[2], graph.inputs[3]));
  EXPECT_EQ(node.outputs[0], graph.outputs[0]);
}

TEST_F(Attention, ScalesOfQueriesCount) {
  GraphBuilder builder;
  builder.input("q", {2, 3, 4}).input("k", {2, 5, 4}).input("v", {2, 5, 4}).output("y", {2, 3, 4});
  builder.weights("root", {}, {2}).add(node("Div", {"q", "root"}, {"qs"}));
  builder.add(transpose("k", "kt", {0, 2, 1})).add(node("MatMul", {"qs", "kt"}, {"s"}));
  builder.add(node("Softmax", {"s"}, {"p"})).add(node("MatMul", {"p", "v"}, {"y"}));
  const graph::Graph graph = fused(builder);
  ASSERT_THAT(operators(graph), ElementsAre("MatMul"));
  EXPECT_EQ(graph.nodes[0].scale, 0.5F);
}

TEST_F(Attention, WhateverOthersReadStays) {
  for (const char* shown : {"s", "scaled", "masked", "p"}) {
    const graph::Graph graph = fused(written({.name = "", .mask = Mask::Added}, shown));
    for (const graph::Node& node : graph.nodes) EXPECT_FALSE(node.attention) << shown;
  }
}

TEST_F(Attention, HeadsThatOthersReadStayForThem) {
  const graph::Graph graph = fused(written({""}, "qt"));
  EXPECT_THAT(operators(graph), ElementsAre("Transpose", "MatMul"));
}

TEST_F(Attention, AResultThatOthersReadIsTransposedForThem) {
  const graph::Graph graph = fused(written({""}, "o"));
  ASSERT_THAT(operators(graph), ElementsAre("MatMul", "Transpose"));
  EXPECT_TRUE(graph.nodes[0].attention->output.empty());
}

TEST_F(Attention, ASoftmaxOverAnotherDimensionStays) {
  GraphBuilder builder;
  builder.input("q", {2, 3, 4}).input("k", {2, 5, 4}).input("v", {2, 5, 4}).output("y", {2, 3, 4});
  builder.add(transpose("k", "kt", {0, 2, 1})).add(node("MatMul", {"q", "kt"}, {"s"}));
  builder.add(node("Softmax", {"s"}, {"p"}, {int_attribute("axis", 1)}));
  const graph::Graph graph = fused(builder.add(node("MatMul", {"p", "v"}, {"y"})));
  EXPECT_EQ(graph.nodes.size(), 4U);
}

TEST_F(Attention, KeysThatAreNotTransposedStay) {
  GraphBuilder builder;
  builder.input("q", {2, 3, 4}).input("k", {2, 4, 5}).input("v", {2, 5, 4}).output("y", {2, 3, 4});
  builder.add(node("MatMul", {"q", "k"}, {"s"})).add(node("Softmax", {"s"}, {"p"}));
  const graph::Graph graph = fused(builder.add(node("MatMul", {"p", "v"}, {"y"})));
  EXPECT_EQ(graph.nodes.size(), 3U);
}

// The second reads what the first one's transposition makes, which nothing makes any more.
TEST_F(Attention, OneAfterTheOtherReadsWhatIsThere) {
  const Case c{"", 1, 2, 6, 6, 8, 8};
  GraphBuilder builder = written(c);
  builder.add(transpose("y", "y1", {0, 2, 1, 3})).add(transpose("y", "y2", {0, 2, 3, 1}));
  builder.add(node("MatMul", {"y1", "y2"}, {"s2"})).add(node("Softmax", {"s2"}, {"p2"}));
  builder.add(node("MatMul", {"p2", "y1"}, {"z"})).output("z", {1, 2, 6, 8});
  GraphBuilder apart = builder;
  apart.output("p", {1, 2, 6, 6}).output("p2", {1, 2, 6, 6});
  EXPECT_THAT(operators(fused(builder)), ElementsAre("MatMul", "MatMul"));
  const std::vector<Tensor> inputs = inputs_of(c);
  const auto together = load(builder), each = load(apart);
  ASSERT_TRUE(together.ok()) << together.error();
  ASSERT_TRUE(each.ok()) << each.error();
  const auto found = (*together)->run(inputs), wanted = (*each)->run(inputs);
  ASSERT_TRUE(found.ok()) << found.error();
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  EXPECT_LT(largest_difference((*found)[1].elements<float>(), (*wanted)[1].elements<float>()),
            1e-5);
}

/// Keys and values of `groups` heads, each repeated for several of queries as exporters write it.
/// `shown`: a value of the graph that is an output too.
GraphBuilder grouped(std::int64_t groups, const std::string& shown = "") {
  constexpr std::int64_t kHeads = 6;
  GraphBuilder graph;
  graph.input("q", {-1, kHeads, -1, 8}).input("k", {-1, groups, -1, 8});
  graph.input("v", {-1, groups, -1, 8}).output("y", {-1, kHeads, -1, 8});
  const auto ints = [&](const std::string& name, const std::vector<std::int64_t>& values) {
    graph.initializer(name, DataType::Int64, {std::ssize(values)}, values);
  };
  ints("two", {2});
  ints("spread", {1, groups, kHeads / groups, 1, 1});
  ints("heads", {0, kHeads, -1, 8});
  for (const std::string from : {"k", "v"}) {
    graph.add(node("Unsqueeze", {from, "two"}, {from + "u"}));
    graph.add(node("Expand", {from + "u", "spread"}, {from + "e"}));
    graph.add(node("Reshape", {from + "e", "heads"}, {from + "a"}));
  }
  graph.add(transpose("ka", "kt", {0, 1, 3, 2})).add(node("MatMul", {"q", "kt"}, {"s"}));
  graph.add(node("Softmax", {"s"}, {"p"})).add(node("MatMul", {"p", "va"}, {"y"}));
  if (!shown.empty()) graph.output(shown, Shape(shown == "ke" ? 5 : 4, -1));
  return graph;
}

// Also where the repeated heads, or what is repeated, are answers themselves, which are neighbours
// in memory.
TEST(GroupedHeads, AreSharedAndAnswersAreThoseOfHeadsThatAreRepeated) {
  std::mt19937 random(11);
  for (const std::int64_t groups : {1, 2, 3}) {
    std::vector<Tensor> inputs;
    inputs.push_back(random_tensor({2, 6, 3, 8}, random));
    for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({2, groups, 21, 8}, random));
    const auto fused = load(grouped(groups)), apart = load(grouped(groups, "p"));
    ASSERT_TRUE(fused.ok()) << fused.error();
    ASSERT_TRUE(apart.ok()) << apart.error();
    const auto found = (*fused)->run(inputs), wanted = (*apart)->run(inputs);
    ASSERT_TRUE(found.ok()) << found.error();
    ASSERT_TRUE(wanted.ok()) << wanted.error();
    EXPECT_LT(largest_difference((*found)[0].elements<float>(), (*wanted)[0].elements<float>()),
              1e-5);
    for (const char* shown : {"ke", "ka", "va"}) {
      const auto model = load(grouped(groups, shown));
      ASSERT_TRUE(model.ok()) << model.error();
      const auto outputs = (*model)->run(inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.error();
      EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), (*wanted)[0].elements<float>()),
                1e-5);
      const std::span<const float> from = inputs[shown[0] == 'k' ? 1 : 2].elements<float>(),
                                   to = (*outputs)[1].elements<float>();
      const std::size_t head = 21 * 8, each = static_cast<std::size_t>(6 / groups);
      ASSERT_EQ(to.size(), from.size() * each);
      for (std::size_t i = 0; i < to.size(); ++i)
        ASSERT_EQ(to[i], from[i / head / each * head + i % head]) << shown << " at " << i;
    }
  }
}

// What repeats itself must not be written over, nor what it is made of while somebody reads it.
TEST(GroupedHeads, OperatorsThatWorkInPlaceGetNeighboursOfTheirOwn) {
  GraphBuilder graph;
  graph.input("x", {1, 2, 3, 4}).output("y", {1, 6, 3, 4}).output("z", {1, 2, 3, 4});
  const auto ints = [&](const std::string& name, const std::vector<std::int64_t>& values) {
    graph.initializer(name, DataType::Int64, {std::ssize(values)}, values);
  };
  ints("two", {2});
  ints("spread", {1, 2, 3, 1, 1});
  ints("heads", {1, 6, 3, 4});
  graph.add(node("Neg", {"x"}, {"n"})).add(node("Unsqueeze", {"n", "two"}, {"u"}));
  graph.add(node("Expand", {"u", "spread"}, {"e"})).add(node("Relu", {"e"}, {"r"}));
  graph.add(node("Reshape", {"r", "heads"}, {"y"})).add(node("Relu", {"n"}, {"z"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  std::mt19937 random(7);
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor({1, 2, 3, 4}, random));
  const auto outputs = (*model)->run(inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const std::span<const float> x = inputs[0].elements<float>(), y = (*outputs)[0].elements<float>(),
                               z = (*outputs)[1].elements<float>();
  for (std::size_t i = 0; i < y.size(); ++i)
    ASSERT_EQ(y[i], std::max(-x[i / 36 * 12 + i % 12], 0.0F)) << i;
  for (std::size_t i = 0; i < z.size(); ++i) ASSERT_EQ(z[i], std::max(-x[i], 0.0F)) << i;
}

TEST_F(Attention, ShapesThatDoNotFitAreRefused) {
  GraphBuilder builder;
  builder.input("q", {1, 3, 2, 8}).input("k", {1, 4, 2, 8}).input("v", {1, 5, 2, 8});
  builder.output("y", {-1, -1, -1, -1});
  builder.add(transpose("q", "qt", {0, 2, 1, 3})).add(transpose("k", "kt", {0, 2, 3, 1}));
  builder.add(transpose("v", "vt", {0, 2, 1, 3})).add(node("MatMul", {"qt", "kt"}, {"s"}));
  builder.add(node("Softmax", {"s"}, {"p"})).add(node("MatMul", {"p", "vt"}, {"y"}));
  const auto model = load(builder);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
