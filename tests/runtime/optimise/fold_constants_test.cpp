// What parameters alone decide: nothing stays of them that nobody else reads.
#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

class Folding : public Passes {
 protected:
  graph::Graph folded(const GraphBuilder& builder) {
    graph::Graph graph = check(builder);
    EXPECT_TRUE(optimise::fold_constants(graph, machine_, pool_, 1 << 20, true).ok());
    return graph;
  }
  static const graph::Value& find(const graph::Graph& graph, std::string_view name) {
    return *std::ranges::find(graph.values, name, &graph::Value::name);
  }

 private:
  dnn::Machine machine_;
  Pool pool_{1};
};

/// x plus w negated twice.
GraphBuilder negated() {
  GraphBuilder graph;
  graph.input("x", {2}).output("y", {2}).weights("w", {2}, {1, 2});
  graph.add(node("Neg", {"w"}, {"n"})).add(node("Neg", {"n"}, {"m"}));
  return graph.add(node("Add", {"x", "m"}, {"y"}));
}

TEST_F(Folding, WipesWhatNobodyElseReads) {
  const graph::Graph graph = folded(negated().weights("other", {1}, {3}));
  EXPECT_THAT(operators(graph), ElementsAre("Add"));
  EXPECT_EQ(find(graph, "w").constant, nullptr);
  EXPECT_EQ(find(graph, "n").constant, nullptr);
  ASSERT_NE(find(graph, "m").constant, nullptr);
  EXPECT_EQ(std::as_const(*find(graph, "m").constant).elements<float>()[1], 2);
  EXPECT_TRUE(std::ranges::all_of(parameters().first(2 * sizeof(float)),
                                  [](std::uint8_t byte) { return byte == 0; }));
}

TEST_F(Folding, KeepsWhatOthersRead) {
  const graph::Graph graph = folded(negated().output("w", {2}).output("n", {2}));
  ASSERT_NE(find(graph, "w").constant, nullptr);
  ASSERT_NE(find(graph, "n").constant, nullptr);
  EXPECT_EQ(std::as_const(*find(graph, "w").constant).elements<float>()[1], 2);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
