// Graphs that break their own rules are refused with words that name the node, before anything is
// run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/wrong_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::HasSubstr;

class WrongGraphs : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongGraphs, AreRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    {"AnOperatorThatIsNotThere",
     [] { return small().add(node("TfIdfVectorizer", {"x"}, {"y"}, {}, "/head/TfIdfVectorizer")); },
     "operator TfIdfVectorizer (node /head/TfIdfVectorizer): the operator is not supported"},
    {"AnOperatorOfAnotherDomain",
     [] { return small().add(node("Relu", {"x"}, {"y"}).text(7, "com.example")); },
     "of domain com.example is not supported"},
    {"ANodeWithoutAName",
     [] { return small().add(Message().text(1, "x").text(2, "y").text(4, "Frob")); },
     "operator Frob (the node that makes y)"},
    {"NoOutput", [] { return GraphBuilder().input("x", {1}).add(node("Relu", {"x"}, {"y"})); },
     "has no output"},
    {"AnOutputThatNobodyMakes", [] { return small(); }, "output \"y\" is made by no node"},
    {"AnOutputListedTwice",
     [] {
       return small().add(node("Relu", {"x"}, {"y"})).output("y", {2, 3});
     },
     "listed twice"},
    {"AValueMadeTwice",
     [] { return small().add(node("Relu", {"x"}, {"y"})).add(node("Tanh", {"x"}, {"y"})); },
     "operator Tanh (node /Tanh): value \"y\" is made twice"},
    {"AValueMadeFromItself",
     [] {
       return small().add(node("Add", {"x", "y"}, {"y"}));
     },
     "not made by any node before it"},
    {"ACycle",
     [] {
       return small()
           .add(node("Add", {"x", "b"}, {"a"}))
           .add(node("Relu", {"a"}, {"b"}))
           .add(node("Relu", {"b"}, {"y"}));
     },
     "operator Add (node /Add): input \"b\" is not made by any node before it"},
    {"NodesOutOfOrder",
     [] { return small().add(node("Relu", {"a"}, {"y"})).add(node("Tanh", {"x"}, {"a"})); },
     "operator Relu (node /Relu): input \"a\""},
    {"AnInputThatIsMadeTwice",
     [] {
       return small().input("x", {2, 3}).add(node("Relu", {"x"}, {"y"}));
     },
     "made twice"},
    {"AnInputWithoutAShape",
     [] {
       return GraphBuilder()
           .field(11,
                  Message().text(1, "x").message(2, Message().message(1, Message().number(1, 1))))
           .output("y", {1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "has no shape"},
    {"AnInputThatIsASequence",
     [] {
       return GraphBuilder()
           .field(11, Message().text(1, "x").message(2, Message().message(4, Message())))
           .output("y", {1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "wanted is a tensor"},
    {"AnInputOfStrings",
     [] {
       return GraphBuilder()
           .input("x", {1}, DataType{8})
           .output("y", {1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "ONNX data type 8"},
    {"AnInputOfTooManyDimensions",
     [] {
       return GraphBuilder()
           .input("x", Shape(9, 1))
           .output("y", {1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "more than 8 dimensions"},
    {"AnInputWithANegativeDimension",
     [] {
       return GraphBuilder().input("x", {-5}).output("y", {1}).add(node("Relu", {"x"}, {"y"}));
     },
     "a dimension is -5"},
    {"AnAbsurdInput",
     [] {
       return GraphBuilder()
           .input("x", {1 << 30, 1 << 30})
           .output("y", {-1, -1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "more than 2^40"},
    {"ShapesThatOverflow",
     [] {
       return GraphBuilder()
           .input("x", {1LL << 62, 1LL << 62, 4})
           .output("y", {-1, -1, -1})
           .add(node("Relu", {"x"}, {"y"}));
     },
     "more than 2^40"},
    {"AnOutputDeclaredOtherwise",
     [] {
       return GraphBuilder().input("x", {2, 3}).output("y", {3, 2}).add(node("Relu", {"x"}, {"y"}));
     },
     "the graph declares FP32 [3, 2]"},
    {"AnOutputOfAnotherType",
     [] {
       return GraphBuilder()
           .input("x", {2})
           .output("y", {2}, DataType::Int64)
           .add(node("Relu", {"x"}, {"y"}));
     },
     "the graph declares INT64"},
    {"AMissingInput", [] { return small().add(node("Add", {"x"}, {"y"})); }, "input 1 is missing"},
    {"ALeftOutInput",
     [] {
       return small().add(node("Add", {"x", ""}, {"y"}));
     },
     "input 1 is missing"},
    {"TooManyInputs",
     [] {
       return small().add(node("Relu", {"x", "x"}, {"y"}));
     },
     "there are 2 inputs, at most 1"},
    {"NoNodeOutput",
     [] { return small().add(node("Relu", {"x"}, {})).add(node("Tanh", {"x"}, {"y"})); },
     "output 0 is missing"},
    {"AnUnknownAttribute",
     [] { return small().add(node("Relu", {"x"}, {"y"}, {int_attribute("frobnicate", 1)})); },
     "operator Relu (node /Relu): attribute frobnicate is not supported"},
    {"AnAttributeOfAnotherType", [] { return convolution({text_attribute("group", "2")}); },
     "attribute group has type 3"},
    {"AnAttributeTwice",
     [] {
       return convolution({int_attribute("group", 1), int_attribute("group", 1)});
     },
     "attribute \"group\" is there twice"},
    {"ALocalFunctionsAttribute",
     [] { return small().add(node("Relu", {"x"}, {"y"}, {Message().text(1, "a").text(21, "b")})); },
     "refers to \"b\" of a function, and stands in none"},
    {"AConstantWithAnInput",
     [] {
       return small()
           .add(node("Constant", {"x"}, {"c"}, {int_attribute("value_int", 1)}))
           .add(node("Relu", {"x"}, {"y"}));
     },
     "one attribute, one output and no input"},
    {"AConstantThatClaimsMoreThanItHas",
     [] {
       const Message large = Message().number(1, 1 << 30).number(2, 1).real(4, 1.0F);
       return small()
           .add(node("Constant", {}, {"c"},
                     {Message().text(1, "value").message(5, large).number(20, 4)}))
           .add(node("Relu", {"x"}, {"y"}));
     },
     "fewer elements than its shape says"},
    {"AConstantOfStrings",
     [] {
       return small()
           .add(node("Constant", {}, {"c"}, {text_attribute("value_string", "a")}))
           .add(node("Relu", {"x"}, {"y"}));
     },
     "\"value_string\" is not supported"},
    {"AnInitializerThatEndsAfterTheData",
     [] {
       return small().external("w", DataType::Float32, {16}, 0, 64).add(node("Relu", {"x"}, {"y"}));
     },
     "ends after the data, which has 0"},
    {"AnInitializerFarOutside",
     [] {
       return small()
           .weights("v", {1}, {1})
           .external("w", DataType::Float32, {1}, ~std::uint64_t{63}, 4)
           .add(node("Relu", {"x"}, {"y"}));
     },
     "ends after the data"},
    {"InitializersThatOverlap",
     [] {
       return small()
           .weights("v", {32}, std::vector<float>(32))
           .external("w", DataType::Float32, {1}, 64, 4)
           .add(node("Relu", {"x"}, {"y"}));
     },
     "wanted is a multiple of 64 from 128 on"},
    {"AnInitializerThatIsNotAligned",
     [] {
       return small()
           .weights("v", {1}, {1})
           .external("w", DataType::Float32, {1}, 4, 4)
           .add(node("Relu", {"x"}, {"y"}));
     },
     "begins at 4"},
    {"AnInitializerInAnotherFile",
     [] {
       return small()
           .external("w", DataType::Float32, {1}, 0, 4, "/etc/passwd")
           .add(node("Relu", {"x"}, {"y"}));
     },
     "is in another file"},
    {"AnInitializerInTheGraph",
     [] {
       return small()
           .field(5, raw_tensor(DataType::Float32, {1}, raw_bytes(std::vector<float>{1}), "w"))
           .add(node("Relu", {"x"}, {"y"}));
     },
     "is not in the payload's data"},
    {"AnInitializerOfAnotherLength",
     [] {
       return small().external("w", DataType::Float32, {2}, 0, 4).add(node("Relu", {"x"}, {"y"}));
     },
     "4 bytes of external data, its shape asks for 8"},
    {"AnInitializerOfEightBitFloats",
     [] { return small().external("w", DataType{17}, {4}, 0, 4).add(node("Relu", {"x"}, {"y"})); },
     "ONNX data type 17"},
    {"SparseInitializers",
     [] { return small().field(15, Message()).add(node("Relu", {"x"}, {"y"})); },
     "sparse initializers"},
    {"TooManyAttributes",
     [] {
       return small().add(
           node("Relu", {"x"}, {"y"}, std::vector<Message>(65, int_attribute("a", 1))));
     },
     "more than 64 attributes"},
    {"AnAttributeTooLong",
     [] {
       return convolution({Message().text(1, "pads").bytes(8, Bytes(65'537, 0)).number(20, 7)});
     },
     "more than 65536"},
};

INSTANTIATE_TEST_SUITE_P(Graph, WrongGraphs, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

TEST(Graph, OfTooManyNodesIsRefused) {
  GraphBuilder graph = small();
  for (int i = 0; i <= 50'000; ++i) graph.add(Message().text(4, "R"));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("more than 50000 nodes"));
}

TEST(Graph, OfOperatorSetsThatMeanOtherThingsIsRefused) {
  const GraphBuilder graph = small().add(node("Cast", {"x"}, {"y"}, {int_attribute("to", 1)}));
  for (const std::int64_t opset : {0, 24}) {
    const auto model = load(graph.payload(opset));
    ASSERT_FALSE(model.ok());
    EXPECT_THAT(model.error().message,
                HasSubstr(text("operator set ", opset, " is not supported")));
  }
  const auto model = load(graph.payload(5));  // where it named types by words
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message,
              HasSubstr("supported from operator set 6 on, the model has 5"));
  EXPECT_TRUE(load(graph.payload(6)).ok());
}

TEST(Graph, WithoutAGraphIsNoModel) {
  const Message message = Message().number(1, 8);
  const PayloadHeader header{message.view().size(), 0};
  const Bytes start = encode_payload_header(header);
  SecretBuffer payload(start.begin(), start.end());
  payload.insert(payload.end(), message.view().begin(), message.view().end());
  const auto model = load(payload);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("it has no graph"));
}

TEST(Graph, CutAnywhereIsRefusedOrRuns) {
  GraphBuilder graph = convolution({ints_attribute("pads", {1, 1, 1, 1})}, {1, 1, 3, 3});
  const SecretBuffer model = graph.model();
  for (std::size_t cut = 0; cut < model.size(); ++cut) {
    const PayloadHeader header{cut, graph.data().size()};
    const Bytes start = encode_payload_header(header);
    SecretBuffer payload(start.begin(), start.end());
    payload.insert(payload.end(), model.begin(), model.begin() + static_cast<std::ptrdiff_t>(cut));
    payload.resize(payload.size() + header.padding_bytes(), 0);
    payload.insert(payload.end(), graph.data().begin(), graph.data().end());
    EXPECT_FALSE(load(payload).ok()) << "cut after " << cut << " of " << model.size();
  }
}

TEST(Graph, InputsThatAreInitializersAreConstants) {
  GraphBuilder graph;
  graph.weights("w", {2}, {10, 20})
      .input("x", {2})
      .input("w", {2})
      .output("y", {2})
      .add(node("Add", {"x", "w"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  ASSERT_EQ((*model)->inputs().size(), 1u);
  const auto outputs = (*model)->run(one(tensor<float>({2}, {1, 2})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT((*outputs)[0].elements<float>(), ::testing::ElementsAre(11, 22));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
