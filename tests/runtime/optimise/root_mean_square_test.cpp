// Normalisation by the root mean square as exporters before operator set 23 write it out.
#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

enum class Quotient { TimesOneOver, TimesReciprocal, Over };

struct Written {
  Quotient quotient = Quotient::TimesOneOver;
  bool power = true;  ///< The square is a Pow, otherwise a Mul.
  bool scale_first = false;
  std::int64_t axis = -1, keeps = 1;
  float exponent = 2, one = 1;
  Shape one_shape{1}, scale{5};
  const char* divided = "x";
};

GraphBuilder written(const Written& w = {}, const std::string& shown = "") {
  GraphBuilder graph;
  graph.input("x", {2, 3, 5}).input("z", {2, 3, 5}).output("y", {2, 3, 5});
  graph.weights("two", {}, {w.exponent}).weights("small", {}, {1e-3F});
  graph.weights("one", w.one_shape, {w.one});
  graph.weights("g", w.scale, std::vector<float>(element_count(w.scale).value(), 0.75F));
  graph.add(w.power ? node("Pow", {"x", "two"}, {"s"}) : node("Mul", {"x", "x"}, {"s"}));
  graph.add(node("ReduceMean", {"s"}, {"v"},
                 {ints_attribute("axes", {w.axis}), int_attribute("keepdims", w.keeps)}));
  graph.add(node("Add", {"v", "small"}, {"e"})).add(node("Sqrt", {"e"}, {"r"}));
  const std::string divided = w.divided;
  if (w.quotient == Quotient::Over) {
    graph.add(node("Div", {divided, "r"}, {"n"}));
  } else {
    graph.add(w.quotient == Quotient::TimesOneOver ? node("Div", {"one", "r"}, {"i"})
                                                   : node("Reciprocal", {"r"}, {"i"}));
    graph.add(node("Mul", {divided, "i"}, {"n"}));
  }
  graph.add(w.scale_first ? node("Mul", {"g", "n"}, {"y"}) : node("Mul", {"n", "g"}, {"y"}));
  if (!shown.empty()) graph.output(shown, {-1, -1, -1});
  return graph;
}

constexpr std::int64_t kOpset = 13;  // knows no RMSNormalization

class RootMeanSquare : public Passes {
 protected:
  std::vector<std::string> fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder, builder.model(kOpset));
    optimise::fuse_root_mean_square(graph);
    return operators(graph);
  }
};

TEST_F(RootMeanSquare, IsFoundHoweverItIsWritten) {
  for (const Quotient quotient :
       {Quotient::TimesOneOver, Quotient::TimesReciprocal, Quotient::Over}) {
    for (const bool other : {false, true})
      EXPECT_THAT(fused(written({.quotient = quotient, .power = other, .scale_first = other})),
                  ElementsAre("RMSNormalization"));
  }
}

TEST_F(RootMeanSquare, WhatOnlyLooksLikeItStays) {
  EXPECT_EQ(fused(written({.axis = 1})).size(), 7U);
  EXPECT_EQ(fused(written({.exponent = 3})).size(), 7U);
  EXPECT_EQ(fused(written({.one = 2})).size(), 7U);
  EXPECT_EQ(fused(written({.one_shape = {1, 1}})).size(), 7U);
  EXPECT_EQ(fused(written({.scale = {3, 1}})).size(), 7U);
  EXPECT_EQ(fused(written({.divided = "z"})).size(), 7U);
  EXPECT_EQ(fused(written({.quotient = Quotient::Over, .divided = "z"})).size(), 6U);
}

TEST_F(RootMeanSquare, WhateverOthersReadStays) {
  for (const char* shown : {"s", "v", "e", "r", "i", "n"})
    EXPECT_EQ(fused(written({}, shown)).size(), 7U) << shown;
}

TEST_F(RootMeanSquare, AnswersAreThoseOfTheNodesAsWritten) {
  std::mt19937 random(5);
  std::vector<Tensor> inputs;
  for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({2, 3, 5}, random));
  for (const Quotient quotient :
       {Quotient::TimesOneOver, Quotient::TimesReciprocal, Quotient::Over}) {
    const Written w{.quotient = quotient};
    const auto one = load(written(w).payload(kOpset)),
               other = load(written(w, "r").payload(kOpset));
    ASSERT_TRUE(one.ok()) << one.error();
    ASSERT_TRUE(other.ok()) << other.error();
    const auto found = (*one)->run(inputs), wanted = (*other)->run(inputs);
    ASSERT_TRUE(found.ok()) << found.error();
    ASSERT_TRUE(wanted.ok()) << wanted.error();
    EXPECT_LT(largest_difference((*found)[0].elements<float>(), (*wanted)[0].elements<float>()),
              1e-6);
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
