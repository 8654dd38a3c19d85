// Which nodes are run once while planning, and which each by itself.
#include "torchkeep/runtime/plan/folded.h"

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

using graph::Constant;
using graph::Node;
using plan::ConstantPointer;

template <typename T>
ConstantPointer known(DataType dtype, const Shape& shape, const std::vector<T>& values) {
  const std::shared_ptr<Constant> constant = Constant::make(dtype, shape).value();
  std::ranges::copy(values, constant->elements<T>().begin());
  return constant;
}

ConstantPointer ints(const std::vector<std::int64_t>& values) {
  return known(DataType::Int64, {std::ssize(values)}, values);
}

Node gather(std::int64_t axis) {
  Node node;
  node.op = "Gather";
  node.outputs = {7};
  graph::Attribute attribute;
  attribute.name = "axis";
  attribute.type = graph::AttributeType::Int;
  attribute.i = axis;
  node.attributes.push_back(attribute);
  return node;
}

class Folded : public ::testing::Test {
 protected:
  Folded() { folded.keep(first, {ints({3, 4}), ints({0})}, {made}); }
  bool finds(const Node& node, const plan::Folded::Values& inputs) const {
    const plan::Folded::Values* const found = folded.find(node, inputs);
    return found != nullptr && found->size() == 1 && found->front() == made;
  }

  const Node first = gather(0);
  const ConstantPointer made = ints({3});
  plan::Folded folded;
};

TEST_F(Folded, AnEqualNodeOfEqualInputsIsKnown) {
  const Node other = gather(0);
  EXPECT_TRUE(finds(other, {ints({3, 4}), ints({0})}));
}

TEST_F(Folded, OtherInputsAreNot) {
  EXPECT_FALSE(finds(first, {ints({3, 5}), ints({0})}));
  EXPECT_FALSE(finds(first, {ints({3, 4}), ints({1})}));
  EXPECT_FALSE(finds(first, {ints({3, 4})}));
  EXPECT_FALSE(finds(first, {ints({3, 4}), nullptr}));
  EXPECT_FALSE(
      finds(first, {known(DataType::Int64, {1, 2}, std::vector<std::int64_t>{3, 4}), ints({0})}));
  EXPECT_FALSE(
      finds(first, {known(DataType::UInt64, {2}, std::vector<std::uint64_t>{3, 4}), ints({0})}));
}

TEST_F(Folded, OtherNodesAreNot) {
  const plan::Folded::Values inputs{ints({3, 4}), ints({0})};
  EXPECT_FALSE(finds(gather(1), inputs));
  Node other = gather(0);
  other.op = "GatherElements";
  EXPECT_FALSE(finds(other, inputs));
  other = gather(0);
  other.domain = "com.example";
  EXPECT_FALSE(finds(other, inputs));
  other = gather(0);
  other.attributes.clear();
  EXPECT_FALSE(finds(other, inputs));
  other = gather(0);
  other.outputs.push_back(8);
  EXPECT_FALSE(finds(other, inputs));
  other = gather(0);
  other.activation.kind = graph::Activation::Kind::Relu;
  EXPECT_FALSE(finds(other, inputs));
}

TEST_F(Folded, MarkedNodesAreNotKept) {
  Node marked = gather(2);
  marked.scale = 2;
  folded.keep(marked, {ints({1})}, {made});
  EXPECT_FALSE(finds(marked, {ints({1})}));
  EXPECT_FALSE(finds(gather(2), {ints({1})}));
}

TEST_F(Folded, FloatsAreComparedByTheirBits) {
  const auto floats = [](float value) {
    return known(DataType::Float32, {1}, std::vector<float>{value});
  };
  folded.keep(first, {floats(0.0F)}, {made});
  EXPECT_TRUE(finds(first, {floats(0.0F)}));
  EXPECT_FALSE(finds(first, {floats(-0.0F)}));
}

/// What a plan finds and keeps of `nodes`, whose inputs are `inputs`: how many were made before.
std::size_t plan_with(plan::FoldedBefore& before, const std::vector<Node>& nodes,
                      const std::vector<ConstantPointer>& inputs) {
  std::size_t found = 0;
  before.begin();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Constant* const input = inputs[i].get();
    if (const auto* const entry = before.find(nodes[i], std::span(&input, 1), nodes.size())) {
      EXPECT_EQ(entry->outputs, plan::Folded::Values{inputs[i]});
      EXPECT_EQ(entry->bytes, i);
      ++found;
    } else {
      before.keep(nodes[i], {inputs[i]}, {inputs[i]}, i);
    }
  }
  return found;
}

TEST(FoldedBefore, WhatThePlanBeforeMadeOfTheVerySameInputsIsFound) {
  const std::vector<Node> nodes(40, gather(0));
  std::vector<ConstantPointer> inputs(nodes.size(), ints({3, 4}));
  plan::FoldedBefore before;
  EXPECT_EQ(plan_with(before, nodes, inputs), 0U);
  EXPECT_EQ(plan_with(before, nodes, inputs), 40U);
  EXPECT_EQ(plan_with(before, nodes, inputs), 40U);
  inputs[7] = ints({3, 4});  // equal, but another
  EXPECT_EQ(plan_with(before, nodes, inputs), 39U);
  EXPECT_EQ(plan_with(before, nodes, inputs), 40U);
}

TEST(FoldedBefore, NodesMayBeMissingAndComeBack) {
  const std::vector<Node> nodes(8, gather(0));
  const ConstantPointer input = ints({1});
  const Constant* const given = input.get();
  plan::FoldedBefore before;
  EXPECT_EQ(plan_with(before, nodes, std::vector<ConstantPointer>(nodes.size(), input)), 0U);
  before.begin();
  EXPECT_NE(before.find(nodes[0], std::span(&given, 1), 8), nullptr);
  EXPECT_NE(before.find(nodes[5], std::span(&given, 1), 8), nullptr);
  before.begin();  // those between were not asked for, so they are forgotten
  EXPECT_NE(before.find(nodes[0], std::span(&given, 1), 8), nullptr);
  EXPECT_EQ(before.find(nodes[3], std::span(&given, 1), 8), nullptr);
  EXPECT_NE(before.find(nodes[5], std::span(&given, 1), 8), nullptr);
}

TEST(FoldedBefore, OtherInputsAreNotFound) {
  const std::vector<Node> nodes(1, gather(0));
  const ConstantPointer input = ints({1}), other = ints({1});
  const std::vector<const Constant*> one{input.get()}, two{input.get(), input.get()}, none,
      another{other.get()}, left_out{nullptr};
  for (const auto& given : {two, none, another, left_out}) {
    plan::FoldedBefore before;
    plan_with(before, nodes, {input});
    before.begin();
    EXPECT_EQ(before.find(nodes[0], given, 8), nullptr);
  }
}

TEST(FoldedBefore, WhatIsMoreThanMayBeKeptIsNotFound) {
  const Node node = gather(0);
  const ConstantPointer input = ints({1});
  const Constant* const given = input.get();
  for (const std::uint64_t most : {7, 8}) {
    plan::FoldedBefore before;
    before.begin();
    before.keep(node, {input}, {input}, 8);
    before.begin();
    EXPECT_EQ(before.find(node, std::span(&given, 1), most) != nullptr, most == 8);
  }
}

/// y = x + the number of rows, twice, each by nodes of its own; z of the columns.
TEST(FoldedModel, LayersThatComputeTheSameAnswerAsEachByItself) {
  GraphBuilder graph;
  graph.input("x", {-1, -1}).output("y", {-1, -1}).output("z", {-1, -1});
  graph.initializer("zero", DataType::Int64, {}, std::vector<std::int64_t>{0});
  graph.initializer("one", DataType::Int64, {}, std::vector<std::int64_t>{1});
  std::string from = "x";
  for (int i = 0; i < 3; ++i) {
    const std::string n = std::to_string(i), to = i == 1 ? "y" : i == 2 ? "z" : "a";
    graph.add(node("Shape", {from}, {"s" + n}));
    graph.add(node("Gather", {"s" + n, i == 2 ? "one" : "zero"}, {"g" + n}));
    graph.add(node("Cast", {"g" + n}, {"f" + n}, {int_attribute("to", 1)}));
    graph.add(node("Add", {from, "f" + n}, {to}));
    from = to;
  }
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (const auto& [rows, columns] : {std::pair{2, 5}, {3, 1}, {1, 3}}) {
    const std::vector<float> zeros(static_cast<std::size_t>(rows * columns));
    const auto outputs = (*model)->run(one(tensor({rows, columns}, zeros)));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    for (const float value : (*outputs)[0].elements<float>())
      EXPECT_EQ(value, static_cast<float>(2 * rows));
    for (const float value : (*outputs)[1].elements<float>())
      EXPECT_EQ(value, static_cast<float>(2 * rows + columns));
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
