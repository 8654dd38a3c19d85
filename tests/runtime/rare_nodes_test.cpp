// Refusals of operators that few models have, and of what operator sets before 7 meant.
#include <gtest/gtest.h>

#include "tests/runtime/wrong_graph.h"

namespace torchkeep::runtime::testing {
namespace {

class RareNodes : public ::testing::TestWithParam<Fault> {};

TEST_P(RareNodes, AreRefusedByName) { expect_refused(GetParam()); }

GraphBuilder of(std::string_view op, const std::vector<Message>& attributes = {},
                const std::vector<std::string>& inputs = {"x"}) {
  return small().add(node(op, inputs, {"y"}, attributes));
}

GraphBuilder with_classes(const Shape& classes, const std::vector<Message>& attributes = {}) {
  return GraphBuilder()
      .input("x", {2, 3})
      .input("c", classes, DataType::Int64)
      .output("y", {})
      .add(node("NegativeLogLikelihoodLoss", {"x", "c"}, {"y"}, attributes));
}

GraphBuilder with_grid(const Shape& image, const Shape& grid,
                       const std::vector<Message>& attributes = {}) {
  return GraphBuilder()
      .input("x", image)
      .input("g", grid)
      .output("y", Shape(image.size(), -1))
      .add(node("GridSample", {"x", "g"}, {"y"}, attributes));
}

const Fault kFaults[] = {
    {"AReductionThatIsNone", [] { return with_classes({2}, {text_attribute("reduction", "max")}); },
     "reduction is \"max\""},
    {"ClassesOfAnotherBatch", [] { return with_classes({3}); }, "do not fit [2, 3]"},
    {"AGridModeThatIsNone",
     [] {
       return with_grid({1, 1, 2, 2}, {1, 2, 2, 2}, {text_attribute("mode", "area")});
     },
     "mode is \"area\""},
    {"AGridPaddingThatIsNone",
     [] {
       return with_grid({1, 1, 2, 2}, {1, 2, 2, 2}, {text_attribute("padding_mode", "wrap")});
     },
     "padding_mode is \"wrap\""},
    {"AGridOfOtherDimensions",
     [] {
       return with_grid({1, 1, 2, 2}, {1, 2, 2, 3});
     },
     "do not fit"},
    {"AGridOfAnotherBatch",
     [] {
       return with_grid({2, 1, 2, 2}, {1, 2, 2, 2});
     },
     "do not fit"},
    {"AHardmaxAlongNothing", [] { return of("Hardmax", {int_attribute("axis", 3)}); },
     "axis 3 is not among 2"},
    {"ADeterminantOfNoSquare", [] { return of("Det"); }, "is no square matrix"},
    {"AnLrnWithoutSize", [] { return of("LRN"); }, "size is 0"},
    {"AnLrnOfAnUnknownAttribute",
     [] {
       return of("LRN", {int_attribute("size", 3), int_attribute("radius", 1)});
     },
     "attribute radius is not supported"},
    {"AnIdentityOfStrings", [] { return of("EyeLike", {int_attribute("dtype", 8)}); },
     "ONNX data type 8"},
    {"LengthsThatAreNoIntegers",
     [] {
       return of("ReverseSequence", {}, {"x", "x"});
     },
     "input 1 is FP32, wanted is INT64"},
    {"AxesThatAreTheSame",
     [] {
       return of("ReverseSequence", {int_attribute("time_axis", 1)}, {"x", "x"});
     },
     "axes 1 and 1"},
    {"AnAbsurdWindow",
     [] {
       return small().add(constant_node("n", {1LL << 60})).add(node("HannWindow", {"n"}, {"y"}));
     },
     "more than 2^40 elements"},
};

INSTANTIATE_TEST_SUITE_P(Node, RareNodes, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

/// x [2, 3] and y [3] or [2] in operator set 6.
Result<std::unique_ptr<Model>> old_sum(const Shape& right, const std::vector<Message>& attributes) {
  return load(GraphBuilder()
                  .input("x", {2, 3})
                  .input("r", right)
                  .output("y", {2, 3})
                  .add(node("Add", {"x", "r"}, {"y"}, attributes))
                  .payload(6));
}

TEST(OldBroadcast, SpreadsFromTheAxisThatIsNamed) {
  const auto model = old_sum({2}, {int_attribute("broadcast", 1), int_attribute("axis", 0)});
  ASSERT_TRUE(model.ok()) << model.error();
  std::vector<Tensor> inputs;
  for (const Shape& shape : {Shape{2, 3}, Shape{2}}) {
    inputs.push_back(Tensor::uninitialised(DataType::Float32, shape).value());
    const auto elements = inputs.back().elements<float>();
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i);
  }
  const auto outputs = (*model)->run(inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const auto sums = (*outputs)[0].elements<float>();
  EXPECT_EQ(std::vector<float>(sums.begin(), sums.end()), (std::vector<float>{0, 1, 2, 4, 5, 6}));
}

TEST(OldBroadcast, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(old_sum({3}, {}).ok()) << "broadcast is 0";
  EXPECT_FALSE(old_sum({2}, {int_attribute("broadcast", 1)}).ok()) << "the last dimension is 3";
  EXPECT_FALSE(old_sum({3}, {int_attribute("broadcast", 1), int_attribute("axis", 0)}).ok());
  EXPECT_FALSE(old_sum({3}, {int_attribute("broadcast", 1), int_attribute("axis", 5)}).ok());
  EXPECT_FALSE(old_sum({1, 2, 3}, {int_attribute("broadcast", 1)}).ok()) << "more dimensions";
}

}  // namespace
}  // namespace torchkeep::runtime::testing
