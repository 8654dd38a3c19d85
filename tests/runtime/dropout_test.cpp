// Dropout in training mode is taken only where its ratio is known to be 0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

GraphBuilder training(float ratio) {
  const Message yes = raw_tensor(DataType::Bool, {}, raw_bytes(std::vector<std::uint8_t>{1}));
  GraphBuilder graph;
  graph.input("x", {2}).output("y", {2}).weights("r", {}, {ratio});
  graph.add(
      node("Constant", {}, {"t"}, {Message().text(1, "value").message(5, yes).number(20, 4)}));
  graph.add(node("Dropout", {"x", "r", "t"}, {"y"}));
  return graph;
}

TEST(Dropout, OfNothingIsTakenInTraining) {
  const auto model = load(training(0));
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor({2}, {1, -2})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT((*outputs)[0].elements<float>(), ElementsAre(1, -2));
}

TEST(Dropout, OfSomethingIsRefusedInTraining) {
  const auto model = load(training(0.1F));
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("training mode"));
}

TEST(Dropout, OfAnUnknownShareIsRefusedInTraining) {
  GraphBuilder graph = training(0);
  graph.input("share", {}).add(node("Dropout", {"x", "share", "t"}, {"z"})).output("z", {2});
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("training mode"));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
