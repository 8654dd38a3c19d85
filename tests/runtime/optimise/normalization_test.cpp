// Layer normalisation as exporters before operator set 17 write it out.
#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

struct Written {
  bool power = true;  ///< The square is a Pow, otherwise a Mul.
  std::int64_t axis = -1, keeps = 1;
  float exponent = 2;
  Shape shift{5};
  const char* centred_by = "m";  ///< What is subtracted.
};

GraphBuilder written(const Written& w = {}, const std::string& shown = "") {
  GraphBuilder graph;
  graph.input("x", {2, 3, 5}).output("y", {2, 3, 5});
  graph.weights("two", {}, {w.exponent}).weights("small", {}, {1e-3F}).weights("other", {}, {1});
  graph.weights("g", {5}, {1, 2, -1, 0.5F, 3});
  graph.weights("b", w.shift, std::vector<float>(element_count(w.shift).value(), 0.25F));
  const auto mean = [&](const std::string& from, const std::string& to) {
    graph.add(node("ReduceMean", {from}, {to},
                   {ints_attribute("axes", {w.axis}), int_attribute("keepdims", w.keeps)}));
  };
  mean("x", "m");
  graph.add(node("Sub", {"x", w.centred_by}, {"d"}));
  graph.add(w.power ? node("Pow", {"d", "two"}, {"s"}) : node("Mul", {"d", "d"}, {"s"}));
  mean("s", "v");
  graph.add(node("Add", {"v", "small"}, {"e"})).add(node("Sqrt", {"e"}, {"r"}));
  graph.add(node("Div", {"d", "r"}, {"n"})).add(node("Mul", {"n", "g"}, {"o"}));
  graph.add(node("Add", {"o", "b"}, {"y"}));
  if (!shown.empty()) graph.output(shown, {-1, -1, -1});
  return graph;
}

constexpr std::int64_t kOpset = 13;  // knows no LayerNormalization

class Normalization : public Passes {
 protected:
  std::vector<std::string> fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder, builder.model(kOpset));
    optimise::fuse_normalization(graph);
    return operators(graph);
  }
};

TEST_F(Normalization, IsFoundWithEitherSquare) {
  EXPECT_THAT(fused(written()), ElementsAre("LayerNormalization"));
  EXPECT_THAT(fused(written({.power = false})), ElementsAre("LayerNormalization"));
}

TEST_F(Normalization, WhatOnlyLooksLikeItStays) {
  EXPECT_EQ(fused(written({.axis = 1})).size(), 9U);
  EXPECT_EQ(fused(written({.exponent = 3})).size(), 9U);
  EXPECT_EQ(fused(written({.shift = {1}})).size(), 9U);
  EXPECT_EQ(fused(written({.shift = {3, 1}})).size(), 9U);
  EXPECT_EQ(fused(written({.centred_by = "other"})).size(), 9U);
}

TEST_F(Normalization, WhateverOthersReadStays) {
  for (const char* shown : {"m", "d", "s", "v", "e", "r", "n", "o"})
    EXPECT_EQ(fused(written({}, shown)).size(), 9U) << shown;
}

TEST_F(Normalization, AnswersAreThoseOfTheNodesAsWritten) {
  std::mt19937 random(5);
  const Tensor input = random_tensor({2, 3, 5}, random);
  const SecretBuffer together = written().payload(kOpset), apart = written({}, "r").payload(kOpset);
  const auto one = load(together), other = load(apart);
  ASSERT_TRUE(one.ok()) << one.error();
  ASSERT_TRUE(other.ok()) << other.error();
  const auto found = (*one)->run({&input, 1}), wanted = (*other)->run({&input, 1});
  ASSERT_TRUE(found.ok()) << found.error();
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  EXPECT_LT(largest_difference((*found)[0].elements<float>(), (*wanted)[0].elements<float>()),
            1e-5);
}

// A file cannot say what the optimiser says.
TEST_F(Normalization, AnOperatorThatIsNewerThanTheModelIsRefused) {
  GraphBuilder graph;
  graph.input("x", {2, 5}).output("y", {2, 5}).weights("g", {5}, {1, 2, 3, 4, 5});
  graph.add(node("LayerNormalization", {"x", "g"}, {"y"}));
  const SecretBuffer payload = graph.payload(kOpset);
  const auto model = load(payload);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
