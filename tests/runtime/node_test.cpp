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
    {"ASliceWithoutSteps",
     [] {
       return small()
           .add(constant_node("s", {0}))
           .add(constant_node("e", {1}))
           .add(constant_node("a", {0}))
           .add(constant_node("z", {0}))
           .add(node("Slice", {"x", "s", "e", "a", "z"}, {"y"}));
     },
     "a step is 0"},
    {"ASliceWithMoreEndsThanStarts",
     [] {
       return small()
           .add(constant_node("s", {0}))
           .add(constant_node("e", {1, 1}))
           .add(node("Slice", {"x", "s", "e"}, {"y"}));
     },
     "1 starts, 2 ends"},
    {"PartsThatDoNotAddUp",
     [] {
       return small()
           .add(constant_node("p", {1, 3}))
           .add(node("Split", {"x", "p"}, {"y", "z"}, {int_attribute("axis", 1)}));
     },
     "do not add up to 3"},
    {"AnExpansionToOverflow",
     [] {
       return small()
           .add(constant_node("s", {1LL << 40, 1LL << 40, 2, 3}))
           .add(node("Expand", {"x", "s"}, {"y"}));
     },
     "more than 2^40"},
    {"RepeatsToOverflow",
     [] {
       return small().add(constant_node("r", {1LL << 62, 1})).add(node("Tile", {"x", "r"}, {"y"}));
     },
     "operator Tile"},
    {"ATileOfOtherDimensions",
     [] {
       return small().add(constant_node("r", {1})).add(node("Tile", {"x", "r"}, {"y"}));
     },
     "1 repeats for 2 dimensions"},
    {"ANegativeShape",
     [] {
       return small().add(constant_node("s", {-2, 3})).add(node("ConstantOfShape", {"s"}, {"y"}));
     },
     "negative dimension"},
    {"AnAbsurdPad",
     [] {
       return small()
           .add(constant_node("p", {0, 0, 0, 1LL << 60}))
           .add(node("Pad", {"x", "p"}, {"y"}));
     },
     "a pad is"},
    {"AnUnknownPadding",
     [] {
       return small()
           .add(constant_node("p", {0, 0, 0, 0}))
           .add(node("Pad", {"x", "p"}, {"y"}, {text_attribute("mode", "mirror")}));
     },
     "mode is \"mirror\""},
    {"ARangeThatNeverEnds",
     [] {
       return small()
           .initializer<std::int64_t>("a", DataType::Int64, {}, {0})
           .initializer<std::int64_t>("b", DataType::Int64, {}, {5})
           .add(node("Range", {"a", "b", "a"}, {"y"}));
     },
     "the step is 0"},
    {"MoreThanThereAre",
     [] {
       return small().add(constant_node("k", {4})).add(node("TopK", {"x", "k"}, {"y", "i"}));
     },
     "k is 4"},
    {"AReductionOfNoDimension",
     [] {
       return small().add(constant_node("a", {5})).add(node("ReduceSum", {"x", "a"}, {"y"}));
     },
     "axis 5 is not among 2"},
    {"ATruthThatIsANumber", [] { return small().add(node("Not", {"x"}, {"y"})); },
     "FP32 is not supported"},
    {"AnUnknownReduction",
     [] {
       return small()
           .add(constant_node("i", {0}))
           .add(node("ScatterElements", {"x", "i", "x"}, {"y"},
                     {text_attribute("reduction", "xor")}));
     },
     "reduction is \"xor\""},
    {"AScaleOfOtherSize",
     [] {
       return small().weights("s", {2}, {1, 1}).add(node("LayerNormalization", {"x", "s"}, {"y"}));
     },
     "does not fit [3]"},
    {"GroupsThatDoNotGoIntoChannels",
     [] {
       return small()
           .weights("s", {3}, {1, 1, 1})
           .add(node("GroupNormalization", {"x", "s", "s"}, {"y"},
                     {int_attribute("num_groups", 2)}));
     },
     "operator GroupNormalization"},
    {"AResizeToNothingKnown",
     [] { return small().add(node("Resize", {"x"}, {"y"}, {text_attribute("mode", "magic")})); },
     "mode is \"magic\""},
    {"AnUnknownEquation",
     [] {
       return small().add(node("Einsum", {"x"}, {"y"}, {text_attribute("equation", "i->?")}));
     },
     "the equation"},
    {"ALstmThatForgetsWhatItTakesIn",
     [] {
       return small().add(
           node("LSTM", {"x", "x", "x"}, {"y"},
                {int_attribute("hidden_size", 2), int_attribute("input_forget", 1)}));
     },
     "input_forget is not supported"},
    {"BlocksOfScales",
     [] {
       return small()
           .weights("s", {2}, {1, 1})
           .add(node("QuantizeLinear", {"x", "s"}, {"y"}, {int_attribute("block_size", 2)}));
     },
     "does not fit [2, 3]"},
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
