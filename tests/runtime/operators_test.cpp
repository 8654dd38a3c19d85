#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ModelOptions kByOperator{.threads = 2, .by_operator = true};

std::vector<float> numbers(const Tensor& tensor) {
  const auto elements = tensor.elements<float>();
  return {elements.begin(), elements.end()};
}

/// Two operators, "b" before "a.0" in the graph: b doubles, a.0 adds its two inputs and 1.
GraphBuilder two_operators() {
  GraphBuilder graph;
  graph.weights("two", {1}, {2}).weights("ones", {1}, {1});
  graph.input("b:x", {-1, 3}).input("a.0:x", {-1, 2}).input("a.0:y", {-1, 2});
  graph.output("b:z", {-1, 3}).output("a.0:sum", {-1, 2}).output("a.0:more", {-1, 2});
  return graph.add(node("Mul", {"b:x", "two"}, {"b:z"}))
      .add(node("Add", {"a.0:x", "a.0:y"}, {"a.0:sum"}))
      .add(node("Add", {"a.0:sum", "ones"}, {"a.0:more"}));
}

TEST(Operators, AreListedByNameWithPortsOfTheirOwn) {
  const auto model = load(two_operators(), kByOperator).value();
  ASSERT_EQ(model->operators().size(), 2u);
  const Part& a = model->operators()[0];
  EXPECT_EQ(a.name, "a.0");
  ASSERT_EQ(a.inputs.size(), 2u);
  EXPECT_EQ(a.inputs[1].name, "y");
  EXPECT_EQ(a.inputs[1].shape, (Shape{-1, 2}));
  ASSERT_EQ(a.outputs.size(), 2u);
  EXPECT_EQ(a.outputs[0].name, "sum");
  EXPECT_EQ(model->operators()[1].name, "b");
  EXPECT_EQ(model->inputs().size(), 3u) << "the graph's own, under their full names";
}

TEST(Operators, RunOnTheirOwnInputsAlone) {
  const auto model = load(two_operators(), kByOperator).value();
  for (const std::int64_t batch : {1, 3, 0, 1}) {
    const auto count = static_cast<std::size_t>(batch);
    std::vector<Tensor> inputs;
    inputs.push_back(tensor({batch, 2}, std::vector<float>(2 * count, 3.0F)));
    inputs.push_back(tensor({batch, 2}, std::vector<float>(2 * count, 4.0F)));
    const auto sums = model->run_operator(0, inputs);
    ASSERT_TRUE(sums.ok()) << sums.error();
    EXPECT_EQ(numbers((*sums)[0]), std::vector<float>(2 * count, 7.0F));
    EXPECT_EQ(numbers((*sums)[1]), std::vector<float>(2 * count, 8.0F));
    const auto doubled =
        model->run_operator(1, one(tensor({batch, 3}, std::vector<float>(3 * count, 5.0F))));
    ASSERT_TRUE(doubled.ok()) << doubled.error();
    EXPECT_EQ(numbers((*doubled)[0]), std::vector<float>(3 * count, 10.0F));
  }
}

TEST(Operators, MayHaveNoInputs) {
  GraphBuilder graph = two_operators();
  graph.weights("told", {3}, {1, 2, 3}).output("@manifest:json", {3});
  graph.add(node("Identity", {"told"}, {"@manifest:json"}));
  const auto model = load(graph, kByOperator).value();
  ASSERT_EQ(model->operators()[0].name, "@manifest");
  EXPECT_THAT(numbers(model->run_operator(0, {}).value()[0]), ElementsAre(1, 2, 3));
}

TEST(Operators, AreNoneOfAWholeModel) {
  const auto whole = load(two_operators()).value();
  EXPECT_TRUE(whole->operators().empty());
  const auto refused = whole->run_operator(0, one(tensor({1, 3}, {1, 2, 3})));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
}

TEST(Operators, AreNeverRunTogether) {
  const auto model = load(two_operators(), kByOperator).value();
  const auto refused = model->run({});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("one by one"));
}

TEST(Operators, RefuseWrongCalls) {
  const auto model = load(two_operators(), kByOperator).value();
  const auto code = [&](std::size_t index, const std::vector<Tensor>& inputs) {
    return model->run_operator(index, inputs).error().code;
  };
  EXPECT_EQ(code(2, one(tensor({1, 3}, {1, 2, 3}))), ErrorCode::InvalidArgument) << "no such one";
  EXPECT_EQ(code(0, one(tensor({1, 2}, {1, 2}))), ErrorCode::InvalidArgument) << "one is missing";
  EXPECT_EQ(code(1, one(tensor({1, 2}, {1, 2}))), ErrorCode::InvalidArgument) << "another's shape";
}

struct Mixed {
  const char* name;
  std::function<void(GraphBuilder&)> spoil;
  const char* words;
};
void PrintTo(const Mixed& mixed, std::ostream* out) { *out << mixed.name; }
class MixedOperators : public ::testing::TestWithParam<Mixed> {};

TEST_P(MixedOperators, AreRefused) {
  GraphBuilder graph = two_operators();
  GetParam().spoil(graph);
  const auto model = load(graph, kByOperator);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
  EXPECT_THAT(model.error().message, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Runtime, MixedOperators,
    ::testing::Values(Mixed{"ReadsAnothersInput",
                            [](auto& g) {
                              g.output("c:z", {-1, 3}).add(node("Relu", {"b:x"}, {"c:z"}));
                            },
                            "operator \"c\" reads \"b:x\""},
                      Mixed{"ReadsAnothersOutput",
                            [](auto& g) {
                              g.input("c:x", {-1, 3}).output("c:z", {-1, 3});
                              g.add(node("Add", {"b:z", "c:x"}, {"c:z"}));
                            },
                            "operator \"c\" reads \"b:x\""},
                      Mixed{"HasNoOutput",
                            [](auto& g) {
                              g.input("c:x", {-1, 3});
                            },
                            "\"c\" has no output"},
                      Mixed{"HasNoMark",
                            [](auto& g) {
                              g.output("z", {-1, 3}).add(node("Relu", {"b:x"}, {"z"}));
                            },
                            "\"z\" is no operator's"},
                      Mixed{"HasNoName",
                            [](auto& g) {
                              g.output(":z", {-1, 3}).add(node("Relu", {"b:x"}, {":z"}));
                            },
                            "\":z\" is no operator's"},
                      Mixed{"HasNoPort",
                            [](auto& g) {
                              g.output("c:", {-1, 3}).add(node("Relu", {"b:x"}, {"c:"}));
                            },
                            "\"c:\" is no operator's"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace torchkeep::runtime::testing
