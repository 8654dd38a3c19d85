// Rotary positions that are written out: what is recognised, what must not be, and that answers
// stay those of the nodes as written.
#include <gmock/gmock.h>

#include "tests/runtime/optimise/passes.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

enum class Cut { Slice, SliceOfItsOwnSize, Split, SplitSizes };

struct Written {
  const char* name = "";
  Cut cut = Cut::Slice;
  Shape x{2, 3, 5, 8}, cosines{5, 8}, sines{5, 8};
  std::int64_t negated_from = 4, negated_to = 1 << 30, other_from = 0, other_to = 4;
  bool sines_first = false;
  std::int64_t axis = -1, step = 1;
  bool negates_second = true;
};

/// Inputs x, c and s; output y. `shown`: a value of the graph that is an output too.
GraphBuilder written(const Written& w = {}, const std::string& shown = "") {
  GraphBuilder graph;
  graph.input("x", w.x).input("c", w.cosines).input("s", w.sines);
  graph.output("y", Shape(std::max(w.x.size(), w.cosines.size()), -1));
  const auto ints = [&](const std::string& name, const std::vector<std::int64_t>& values) {
    graph.initializer(name, DataType::Int64, {std::ssize(values)}, values);
  };
  const std::int64_t axis = w.axis;
  if (w.cut == Cut::Slice || w.cut == Cut::SliceOfItsOwnSize) {
    ints("axis", {axis});
    ints("step", {w.step});
    ints("hb", {w.negated_from});
    ints("he", {w.negated_to});
    ints("lb", {w.other_from});
    ints("le", {w.other_to});
    std::string high_begin = "hb", low_end = "le";
    if (w.cut == Cut::SliceOfItsOwnSize) {  // as torch 1.13 writes a chunk
      ints("two", {2});
      ints("last", {3});
      graph.add(node("Shape", {"x"}, {"sizes"})).add(node("Gather", {"sizes", "last"}, {"size"}));
      graph.add(node("Div", {"size", "two"}, {"half"}));
      high_begin = low_end = "half";
    }
    graph.add(node("Slice", {"x", "lb", low_end, "axis", "step"}, {"low"}));
    graph.add(node("Slice", {"x", high_begin, "he", "axis", "step"}, {"high"}));
  } else if (w.cut == Cut::Split) {
    graph.add(node("Split", {"x"}, {"low", "high"},
                   {int_attribute("axis", axis), int_attribute("num_outputs", 2)}));
  } else {
    ints("sizes", {w.other_to - w.other_from, w.x.back() - (w.other_to - w.other_from)});
    graph.add(node("Split", {"x", "sizes"}, {"low", "high"}, {int_attribute("axis", axis)}));
  }
  const std::string negated = w.negates_second ? "high" : "low",
                    other = w.negates_second ? "low" : "high";
  graph.add(node("Neg", {negated}, {"n"}));
  graph.add(node("Concat", {"n", other}, {"t"}, {int_attribute("axis", -1)}));
  graph.add(node("Mul", {"x", "c"}, {"xc"}));
  graph.add(w.sines_first ? node("Mul", {"s", "t"}, {"ts"}) : node("Mul", {"t", "s"}, {"ts"}));
  graph.add(w.sines_first ? node("Add", {"ts", "xc"}, {"y"}) : node("Add", {"xc", "ts"}, {"y"}));
  if (!shown.empty()) graph.output(shown, Shape(w.x.size(), -1));
  return graph;
}

constexpr std::int64_t kOpset = 18;  // knows no RotaryEmbedding

class WrittenRotations : public ::testing::TestWithParam<Written> {};

TEST_P(WrittenRotations, AnswerAsTheNodesAsWritten) {
  const Written& w = GetParam();
  std::mt19937 random(5);
  std::vector<Tensor> inputs;
  for (const Shape& shape : {w.x, w.cosines, w.sines})
    inputs.push_back(random_tensor(shape, random));
  const auto one = load(written(w).payload(kOpset)), other = load(written(w, "n").payload(kOpset));
  ASSERT_TRUE(one.ok()) << one.error();
  ASSERT_TRUE(other.ok()) << other.error();
  const auto found = (*one)->run(inputs), wanted = (*other)->run(inputs);
  ASSERT_TRUE(found.ok()) << found.error();
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  EXPECT_EQ((*found)[0].shape, (*wanted)[0].shape);
  EXPECT_LT(largest_difference((*found)[0].elements<float>(), (*wanted)[0].elements<float>()),
            1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Rotation, WrittenRotations,
    ::testing::Values(
        Written{"Slices"}, Written{"OfItsOwnSize", Cut::SliceOfItsOwnSize},
        Written{"Splits", Cut::Split}, Written{"SplitSizes", Cut::SplitSizes},
        Written{"OddWidth", Cut::Split, {1, 2, 3, 7}, {3, 7}, {3, 7}},
        Written{"UnevenPieces", Cut::Slice, {2, 3, 5, 8}, {5, 8}, {5, 8}, 3, 8, 0, 3, true},
        Written{"NegativeBounds", Cut::Slice, {1, 2, 5, 8}, {5, 8}, {5, 8}, -4, 8},
        Written{"FactorsOfAllHeads", Cut::Slice, {2, 3, 5, 8}, {2, 1, 5, 8}, {5, 1}},
        Written{"OneFactor", Cut::Slice, {2, 3, 5, 8}, {1}, {}},
        Written{"MoreFactors", Cut::Slice, {5, 8}, {2, 3, 5, 8}, {5, 8}},
        Written{"NoRows", Cut::Slice, {2, 3, 0, 8}, {1, 8}, {0, 8}}),
    [](const auto& each) { return std::string(each.param.name); });

class Rotation : public Passes {
 protected:
  graph::Graph fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder, builder.model(kOpset));
    optimise::fuse_rotation(graph);
    return graph;
  }
  std::size_t left(const GraphBuilder& builder) { return fused(builder).nodes.size(); }
};

TEST_F(Rotation, OneNodeStandsForAll) {
  for (const bool sines_first : {false, true}) {
    Written w;
    w.sines_first = sines_first;
    const graph::Graph graph = fused(written(w));
    ASSERT_THAT(operators(graph), ElementsAre("RotaryEmbedding"));
    ASSERT_TRUE(graph.nodes[0].rotation);
    EXPECT_EQ(graph.nodes[0].inputs[0], graph.inputs[0]);
    EXPECT_EQ(graph.nodes[0].inputs[1], graph.inputs[1]);
    EXPECT_EQ(graph.nodes[0].inputs[2], graph.inputs[2]);
  }
  EXPECT_THAT(operators(fused(written({"", Cut::Split}))), ElementsAre("RotaryEmbedding"));
  EXPECT_THAT(operators(fused(written({"", Cut::SplitSizes}))), ElementsAre("RotaryEmbedding"));
  EXPECT_THAT(operators(fused(written({"", Cut::SliceOfItsOwnSize}))),
              ElementsAre("Shape", "Gather", "Div", "RotaryEmbedding"));
}

TEST_F(Rotation, WhatOnlyLooksLikeItStays) {
  Written stepping, first, uneven;
  stepping.step = 2;
  first.cut = Cut::Split;
  first.negates_second = false;
  uneven.cut = Cut::SplitSizes;
  uneven.other_to = 3;
  EXPECT_EQ(left(written(stepping)), 7U);
  EXPECT_EQ(left(written(first)), 6U);
  EXPECT_EQ(left(written(uneven)), 6U);
  GraphBuilder of_another;  // the pieces are of z, the straight product is of x
  of_another.input("x", {5, 8}).input("z", {5, 8}).input("c", {8}).output("y", {5, 8});
  of_another.add(node("Split", {"z"}, {"a", "b"},
                      {int_attribute("axis", -1), int_attribute("num_outputs", 2)}));
  of_another.add(node("Neg", {"b"}, {"n"}));
  of_another.add(node("Concat", {"n", "a"}, {"t"}, {int_attribute("axis", -1)}));
  of_another.add(node("Mul", {"x", "c"}, {"xc"})).add(node("Mul", {"t", "c"}, {"ts"}));
  EXPECT_EQ(left(of_another.add(node("Add", {"xc", "ts"}, {"y"}))), 6U);
}

TEST_F(Rotation, WhateverOthersReadStays) {
  for (const char* shown : {"low", "high", "n", "t", "xc", "ts"})
    EXPECT_EQ(left(written({}, shown)), 7U) << shown;
}

struct Refusal {
  const char* name;
  Written written;
};

class RefusedRotations : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedRotations, AreMalformed) {
  const auto model = load(written(GetParam().written).payload(kOpset));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

INSTANTIATE_TEST_SUITE_P(
    Rotation, RefusedRotations,
    ::testing::Values(
        Refusal{"PiecesAlongAnotherDimension",
                {"", Cut::Slice, {2, 3, 8, 8}, {8, 8}, {8, 8}, 4, 8, 0, 4, false, 2}},
        Refusal{"TooLittle", {"", Cut::Slice, {2, 3, 5, 8}, {5, 8}, {5, 8}, 5}},
        Refusal{"TooMuch", {"", Cut::Slice, {2, 3, 5, 8}, {5, 8}, {5, 8}, 2}},
        Refusal{"FactorsOfAnotherLength", {"", Cut::Slice, {2, 3, 5, 8}, {4, 8}, {5, 8}}},
        Refusal{"FactorsOfAnotherWidth", {"", Cut::Split, {2, 3, 5, 8}, {5, 4}, {5, 8}}}),
    [](const auto& each) { return std::string(each.param.name); });

// Marks are no part of a file: a RotaryEmbedding with bounds is none.
TEST_F(Rotation, BoundsInAFileAreRefused) {
  GraphBuilder graph;
  graph.input("x", {1, 2, 3, 4}).input("c", {1, 3, 2}).input("s", {1, 3, 2});
  graph.output("y", {1, 2, 3, 4});
  graph.initializer("i", DataType::Int64, {1}, std::vector<std::int64_t>{0});
  graph.add(node("RotaryEmbedding", {"x", "c", "s", "i", "i", "i", "i"}, {"y"}));
  const auto model = load(graph.payload(23));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
