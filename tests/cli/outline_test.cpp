#include "torchkeep/cli/outline.h"

#include <gmock/gmock.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::cli {
namespace {

using ::testing::ElementsAre;
using namespace runtime::testing;  // graphs put together by hand

TEST(Outline, NamesOperatorsAndDimensions) {
  GraphBuilder graph;
  graph.input("x", {-1, 3}).output("y", {-1, 3}).add(node("Relu", {"x"}, {"y"}));
  const auto outline = parse_outline(graph.model());
  ASSERT_TRUE(outline.ok()) << outline.error();
  EXPECT_THAT(outline->operators, ElementsAre("Relu"));
  EXPECT_THAT(outline->dimension_names.at("x"), ElementsAre("batch", ""));
  EXPECT_FALSE(outline->has_dropout_in_training);
}

// AttributeProto: name = 1, g = 6, type = 20.
Message holding(const Message& graph) {
  return Message().text(1, "body").message(6, graph).number(20, 5);
}

TEST(Outline, LooksIntoSubgraphsAndFunctions) {
  const Message inner = Message().message(1, node("RandomNormal", {}, {"r"}));
  GraphBuilder graph;
  graph.add(node("Loop", {}, {"y"}, {holding(inner)}));
  SecretBuffer model = graph.model();
  const Message function = Message().text(1, "f").message(7, node("Bernoulli", {"x"}, {"y"}));
  runtime::wire::append_field(model, 25, function.view());
  EXPECT_THAT(parse_outline(model).value().operators,
              ElementsAre("Bernoulli", "Loop", "RandomNormal"));
}

TEST(Outline, SeesADropoutThatMayTrain) {
  GraphBuilder graph;
  graph.add(node("Dropout", {"x", "", "training"}, {"y"}));
  EXPECT_TRUE(parse_outline(graph.model()).value().has_dropout_in_training);
  GraphBuilder other;
  other.add(node("Dropout", {"x", "ratio", ""}, {"y"}));
  EXPECT_FALSE(parse_outline(other.model()).value().has_dropout_in_training);
}

TEST(Outline, GraphsWithinGraphsEnd) {
  Message graph = Message().message(1, node("Relu", {"x"}, {"y"}));
  for (int i = 0; i < 100; ++i)
    graph = Message().message(1, node("If", {"c"}, {"y"}, {holding(graph)}));
  EXPECT_FALSE(parse_outline(Message().message(7, graph).view()).ok());
}

TEST(Outline, RefusesWhatIsNoModel) {
  EXPECT_FALSE(parse_outline(Bytes(20, 0xff)).ok());
  EXPECT_EQ(load_outline("/nowhere/model.onnx").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace torchkeep::cli
