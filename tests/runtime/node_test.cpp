// Nodes that break their operator's rules are refused with words that name them, before anything is
// run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/wrong_graph.h"

namespace torchkeep::runtime::testing {
namespace {

class WrongNodes : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongNodes, AreRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    {"NoGroups", [] { return convolution({int_attribute("group", 0)}); },
     "operator Conv (node /conv): group is 0"},
    {"GroupsThatDoNotDivide",
     [] {
       return convolution({int_attribute("group", 3)}, {2, 1, 1, 1});
     },
     "do not go into 3 groups"},
    {"AStrideOfZero",
     [] {
       return convolution({ints_attribute("strides", {0, 1})});
     },
     "strides holds 0"},
    {"AnAbsurdStride",
     [] {
       return convolution({ints_attribute("strides", {1LL << 40, 1})});
     },
     "strides holds"},
    {"ANegativePad",
     [] {
       return convolution({ints_attribute("pads", {0, 0, -1, 0})});
     },
     "pads holds -1"},
    {"TooFewPads",
     [] {
       return convolution({ints_attribute("pads", {1, 1})});
     },
     "pads has 2 numbers, wanted are 4"},
    {"AnUnknownAutoPad", [] { return convolution({text_attribute("auto_pad", "MAYBE")}); },
     "auto_pad is \"MAYBE\""},
    {"AKernelThatIsNotTheWeights",
     [] {
       return convolution({ints_attribute("kernel_shape", {3, 3})});
     },
     "kernel_shape is [3, 3]"},
    {"AKernelLargerThanTheImage",
     [] {
       return convolution({}, {1, 1, 5, 5});
     },
     "a window of 5 does not fit into 4"},
    {"WeightsOfOtherChannels",
     [] {
       return convolution({}, {1, 2, 1, 1});
     },
     "do not fit an input of shape [1, 1, 4, 4]"},
    {"AConvolutionOfAMatrix",
     [] {
       return convolution({}, {1, 1}, {1, 1});
     },
     "are no 1, 2 or 3 dimensional convolution"},
    {"WeightsWithoutElements",
     [] {
       return convolution({}, {0, 1, 1, 1});
     },
     "do not fit"},
    {"MatricesThatDoNotFit",
     [] {
       return GraphBuilder()
           .input("x", {2, 3})
           .weights("w", {4, 5}, std::vector<float>(20))
           .output("y", {2, 5})
           .add(node("MatMul", {"x", "w"}, {"y"}));
     },
     "shapes [2, 3] and [4, 5] do not fit"},
    {"AReshapeThatDoesNotGo",
     [] {
       return small().add(constant_node("s", {4, 2})).add(node("Reshape", {"x", "s"}, {"y"}));
     },
     "[2, 3] does not go into [4, 2]"},
    {"AReshapeToOverflow",
     [] {
       return small()
           .add(constant_node("s", {1LL << 62, 1LL << 62}))
           .add(node("Reshape", {"x", "s"}, {"y"}));
     },
     "more than 2^40"},
    {"AReshapeWithTwoOpenDimensions",
     [] {
       return small().add(constant_node("s", {-1, -1})).add(node("Reshape", {"x", "s"}, {"y"}));
     },
     "more than one dimension is -1"},
    {"AReshapeToANegative",
     [] {
       return small().add(constant_node("s", {-2, 3})).add(node("Reshape", {"x", "s"}, {"y"}));
     },
     "negative dimension"},
    {"APermutationThatIsNone",
     [] {
       return small().add(node("Transpose", {"x"}, {"y"}, {ints_attribute("perm", {0, 0})}));
     },
     "names dimension 0 twice"},
    {"AnAxisOutOfRange",
     [] { return small().add(node("Softmax", {"x"}, {"y"}, {int_attribute("axis", 2)})); },
     "axis 2 is not among 2"},
    {"SumsThatDoNotFit",
     [] {
       return GraphBuilder()
           .input("x", {2, 3})
           .weights("w", {2}, {1, 2})
           .output("y", {2, 3})
           .add(node("Add", {"x", "w"}, {"y"}));
     },
     "shapes [2, 3] and [2] do not fit"},
    {"TypesThatDoNotFit",
     [] {
       return GraphBuilder()
           .input("x", {1})
           .initializer<std::int64_t>("w", DataType::Int64, {1}, {1})
           .output("y", {1})
           .add(node("Add", {"x", "w"}, {"y"}));
     },
     "inputs are FP32 and INT64"},
    {"DropoutInTraining",
     [] {
       const Message yes = raw_tensor(DataType::Bool, {}, raw_bytes(std::vector<std::uint8_t>{1}));
       return small()
           .add(node("Constant", {}, {"t"},
                     {Message().text(1, "value").message(5, yes).number(20, 4)}))
           .add(node("Dropout", {"x", "", "t"}, {"y"}));
     },
     "training mode"},
};

INSTANTIATE_TEST_SUITE_P(Graph, WrongNodes, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
