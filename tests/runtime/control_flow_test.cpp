// What only elements tell: shapes that are computed, branches, loops. Plans end where they must and
// go on with what was computed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/doubling.h"
#include "tests/runtime/wrong_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

/// A branch without inputs that makes `output` by one operator of outer values.
Message branch(const Message& node, std::string_view output) {
  return Message().message(1, node).message(12, port(output, {-1}));
}

Result<std::vector<float>> floats(Model& model, const std::vector<float>& x) {
  const std::vector<Tensor> outputs = TRY(model.run(one(tensor<float>({std::ssize(x)}, x))));
  const auto elements = outputs[0].elements<float>();
  return std::vector<float>(elements.begin(), elements.end());
}

TEST(ControlFlow, ShapesThatElementsDecideChangeFromRunToRun) {
  GraphBuilder graph;
  graph.input("x", {-1}).output("y", {-1});
  graph.add(node("NonZero", {"x"}, {"places"}))
      .add(constant_node("all", {-1}))
      .add(node("Reshape", {"places", "all"}, {"flat"}))
      .add(node("Gather", {"x", "flat"}, {"chosen"}))
      .add(node("Neg", {"chosen"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(floats(**model, {0, 2, 0, 3}).value(), ElementsAre(-2, -3));
    EXPECT_THAT(floats(**model, {1, 2, 0, 3}).value(), ElementsAre(-1, -2, -3));
    EXPECT_THAT(floats(**model, {0, 0, 0, 0}).value(), ElementsAre());
  }
}

TEST(ControlFlow, BoundsThatAreComputedCutWhatTheySay) {
  GraphBuilder graph;
  graph.input("x", {-1}).output("y", {-1});
  // The largest element says how many of them are wanted.
  graph.add(node("ReduceMax", {"x"}, {"most"}))
      .add(node("Cast", {"most"}, {"end"}, {int_attribute("to", 7)}))
      .add(constant_node("start", {0}))
      .add(node("Slice", {"x", "start", "end"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_THAT(floats(**model, {1, 2, 0}).value(), ElementsAre(1, 2));
  EXPECT_THAT(floats(**model, {1, 0, 1}).value(), ElementsAre(1));
  EXPECT_THAT(floats(**model, {1, 2, 0}).value(), ElementsAre(1, 2));
}

GraphBuilder branching() {
  GraphBuilder graph;
  graph.input("x", {-1}).output("y", {-1}).weights("zero", {}, {0});
  graph.add(node("ReduceSum", {"x"}, {"sum"}, {int_attribute("keepdims", 0)}))
      .add(node("Greater", {"sum", "zero"}, {"positive"}))
      .add(node("Abs", {"x"}, {"size"}));
  return graph;
}

TEST(ControlFlow, TheBranchThatTheElementsChooseIsTaken) {
  GraphBuilder graph = branching();
  graph
      .add(node("If", {"positive"}, {"z"},
                {graph_attribute("then_branch", branch(node("Neg", {"size"}, {"r"}), "r")),
                 graph_attribute("else_branch", branch(node("Add", {"size", "x"}, {"r"}), "r"))}))
      .add(node("Add", {"z", "size"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(floats(**model, {1, 2}).value(), ElementsAre(0, 0));
    EXPECT_THAT(floats(**model, {1, -2}).value(), ElementsAre(3, 2));
  }
}

/// y = x doubled as often as the trip count says, and what it was each time.
GraphBuilder doubling(std::int64_t trips, const std::vector<Message>& attributes) {
  GraphBuilder graph;
  graph.input("x", {2}).output("y", {2}).output("all", {-1, 2});
  graph.initializer<std::int64_t>("trips", DataType::Int64, {}, {trips});
  return graph.add(node("Loop", {"trips", "", "x"}, {"y", "all"}, attributes));
}

TEST(ControlFlow, ALoopCarriesItsValuesAndKeepsWhatItScans) {
  const auto model = load(doubling(3, {graph_attribute("body", doubling_body())}));
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({2}, {1, 5})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT((*outputs)[0].elements<float>(), ElementsAre(8, 40));
  EXPECT_THAT((*outputs)[1].elements<float>(), ElementsAre(2, 10, 4, 20, 8, 40));
}

TEST(ControlFlow, ALoopThatScansNothingIsRefusedWhenItRuns) {
  const auto model = load(doubling(0, {graph_attribute("body", doubling_body())}));
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({2}, {1, 5})));
  ASSERT_FALSE(outputs.ok());
  EXPECT_THAT(outputs.error().message, ::testing::HasSubstr("operator Loop"));
  EXPECT_THAT(outputs.error().message, ::testing::HasSubstr("nothing was scanned"));
}

Message nested(int depth) {
  if (depth == 0) return branch(node("Neg", {"x"}, {"r"}), "r");
  const Message inner = nested(depth - 1);
  const std::string name = "r" + std::to_string(depth);
  return branch(
      node("If", {"positive"}, {name},
           {graph_attribute("then_branch", inner), graph_attribute("else_branch", inner)}),
      name);
}

class WrongControlFlow : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongControlFlow, IsRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    {"AnIfWithoutBranches", [] { return branching().add(node("If", {"positive"}, {"y"})); },
     "there is no graph \"then_branch\""},
    {"ABranchThatReadsWhatNobodyMakes",
     [] {
       return branching().add(
           node("If", {"positive"}, {"y"},
                {graph_attribute("then_branch", branch(node("Neg", {"nothing"}, {"r"}), "r")),
                 graph_attribute("else_branch", branch(node("Neg", {"x"}, {"r"}), "r"))}));
     },
     "input \"nothing\" is not made"},
    {"ABranchThatReadsTheOtherBranch",
     [] {
       return branching().add(
           node("If", {"positive"}, {"y"},
                {graph_attribute("then_branch", branch(node("Neg", {"x"}, {"r"}), "r")),
                 graph_attribute("else_branch", branch(node("Neg", {"r"}, {"s"}), "s"))}));
     },
     "input \"r\" is not made"},
    {"ABranchWithAnUnknownOperator",
     [] {
       return branching().add(
           node("If", {"positive"}, {"y"},
                {graph_attribute("then_branch", branch(node("Guess", {"x"}, {"r"}), "r")),
                 graph_attribute("else_branch", branch(node("Neg", {"x"}, {"r"}), "r"))}));
     },
     "operator Guess"},
    {"GraphsTooDeepWithinEachOther",
     [] {
       const Message deep = nested(9);
       return branching().add(
           node("If", {"positive"}, {"y"},
                {graph_attribute("then_branch", deep), graph_attribute("else_branch", deep)}));
     },
     "deep within each other"},
    {"ALoopWhoseBodyHasOtherInputs",
     [] {
       return doubling(1,
                       {graph_attribute("body", Message()
                                                    .message(11, port("i", {}, DataType::Int64))
                                                    .message(1, node("Identity", {"i"}, {"j"}))
                                                    .message(12, port("j", {}, DataType::Int64)))});
     },
     "which do not fit 1 values"},
};

INSTANTIATE_TEST_SUITE_P(Graph, WrongControlFlow, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
