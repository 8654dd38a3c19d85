// Local functions: what they stand for when they are called, and calls that are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/doubling.h"
#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

// FunctionProto: name = 1, input = 4, output = 5, attribute = 6, node = 7, opset_import = 9,
// domain = 10, attribute_proto = 11.
struct Function {
  std::string_view name;
  std::vector<std::string> inputs, outputs;
  std::vector<Message> nodes;
  std::vector<std::string> attributes = {};
  std::vector<Message> defaults = {};
  std::string_view domain = "own";
  std::int64_t opset = 17;

  Message message() const {
    Message all;
    all.text(1, name).text(10, domain);
    for (const std::string& input : inputs) all.text(4, input);
    for (const std::string& output : outputs) all.text(5, output);
    for (const std::string& attribute : attributes) all.text(6, attribute);
    for (const Message& each : defaults) all.message(11, each);
    for (const Message& each : nodes) all.message(7, each);
    return all.message(9, Message().text(1, "").number(2, opset));
  }
};

/// NodeProto: domain = 7.
Message call(std::string_view name, const std::vector<std::string>& inputs,
             const std::vector<std::string>& outputs, const std::vector<Message>& attributes = {}) {
  return node(name, inputs, outputs, attributes).text(7, "own");
}

/// AttributeProto: name = 1, type = 20, ref_attr_name = 21.
Message reference(std::string_view name, std::string_view of, std::int64_t type) {
  return Message().text(1, name).number(20, type).text(21, of);
}
constexpr std::int64_t kFloat = 1, kInt = 2;

Result<std::vector<float>> answer(const GraphBuilder& graph, const std::vector<float>& x) {
  const auto model = TRY(load(graph));
  const auto outputs = TRY(model->run(one(tensor<float>({std::ssize(x)}, x))));
  return elements_of<float>(outputs[0]);
}

GraphBuilder calling(const std::vector<Function>& functions, const std::vector<Message>& nodes) {
  GraphBuilder graph;
  graph.input("x", {-1}).output("y", {-1});
  for (const Function& function : functions) graph.function(function.message());
  for (const Message& each : nodes) graph.add(each);
  return graph;
}

const Function kDouble{"Double", {"a"}, {"b"}, {node("Add", {"a", "a"}, {"b"})}};

TEST(FunctionCalls, StandForTheirNodes) {
  const auto y = answer(calling({kDouble}, {call("Double", {"x"}, {"y"})}), {1, -2});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(2, -4));
}

// Each call has values of its own, under the names that the function gives them.
TEST(FunctionCalls, MayBeMadeTwice) {
  const auto y =
      answer(calling({kDouble}, {call("Double", {"x"}, {"b"}), call("Double", {"b"}, {"y"})}), {3});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(12));
}

TEST(FunctionCalls, MayStandInFunctions) {
  const Function four{
      "Four", {"x"}, {"z"}, {call("Double", {"x"}, {"b"}), call("Double", {"b"}, {"z"})}};
  const auto y = answer(calling({four, kDouble}, {call("Four", {"x"}, {"y"})}), {1, 5});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(4, 20));
}

const Function kLeaky{"Leaky",
                      {"a"},
                      {"b"},
                      {node("LeakyRelu", {"a"}, {"b"}, {reference("alpha", "slope", kFloat)})},
                      {"slope"}};

TEST(FunctionCalls, HandAttributesToNodes) {
  const auto y = answer(
      calling({kLeaky}, {call("Leaky", {"x"}, {"y"}, {float_attribute("slope", 0.5F)})}), {-2, 2});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-1, 2));
}

TEST(FunctionCalls, LeaveAttributesOut) {
  // LeakyRelu's own default.
  const auto y = answer(calling({kLeaky}, {call("Leaky", {"x"}, {"y"})}), {-100, 2});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-1, 2));
}

TEST(FunctionCalls, TakeTheFunctionsDefaults) {
  Function leaky = kLeaky;
  leaky.attributes.clear();
  leaky.defaults = {float_attribute("slope", 0.25F)};
  const auto y = answer(calling({leaky}, {call("Leaky", {"x"}, {"y"})}), {-4, 2});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-1, 2));
}

TEST(FunctionCalls, HandAttributesThroughFunctions) {
  const Function outer{"Outer",
                       {"a"},
                       {"b"},
                       {call("Leaky", {"a"}, {"b"}, {reference("slope", "much", kFloat)})},
                       {"much"}};
  const auto y = answer(
      calling({kLeaky, outer}, {call("Outer", {"x"}, {"y"}, {float_attribute("much", 0.5F)})}),
      {-8});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-4));
}

TEST(FunctionCalls, HandAttributesToConstants) {
  const Function shift{"Shift",
                       {"a"},
                       {"b"},
                       {node("Constant", {}, {"c"}, {reference("value_float", "by", kFloat)}),
                        node("Add", {"a", "c"}, {"b"})},
                       {"by"}};
  const auto y = answer(calling({shift}, {call("Shift", {"x"}, {"t"}, {float_attribute("by", 10)}),
                                          call("Shift", {"t"}, {"y"}, {float_attribute("by", 1)})}),
                        {0, 1});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(11, 12));
}

TEST(FunctionCalls, LeaveInputsOut) {
  const Function clip{
      "Upto", {"a", "least", "most"}, {"b"}, {node("Clip", {"a", "least", "most"}, {"b"})}};
  GraphBuilder graph = calling({clip}, {call("Upto", {"x", "", "most"}, {"y"})});
  graph.weights("most", {}, {2});
  const auto y = answer(graph, {-9, 9});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-9, 2));
}

TEST(FunctionCalls, HandOnAnInputAsItIs) {
  const Function same{"Same", {"a"}, {"a"}, {}};
  const auto y =
      answer(calling({same}, {call("Same", {"x"}, {"s"}), node("Neg", {"s"}, {"y"})}), {7});
  ASSERT_TRUE(y.ok()) << y.error();
  EXPECT_THAT(*y, ElementsAre(-7));
}

/// What a test is about, or how it is made: parameters are copied several times in each process
/// that runs any test, and some of these are large.
template <typename T>
struct Parts {
  Parts(std::initializer_list<T> parts) : make([parts = std::vector<T>(parts)] { return parts; }) {}
  template <std::invocable Maker>
  Parts(Maker maker) : make(maker) {}

  std::function<std::vector<T>()> make;
};

struct WrongFunction {
  const char* name;
  Parts<Function> functions;
  Parts<Message> nodes;
  const char* words;
};

class WrongFunctions : public ::testing::TestWithParam<WrongFunction> {};

TEST_P(WrongFunctions, AreRefused) {
  const auto model = load(calling(GetParam().functions.make(), GetParam().nodes.make()));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
  EXPECT_THAT(model.error().message, ::testing::HasSubstr(GetParam().words));
}

Function called_forever() { return {"Forever", {"a"}, {"b"}, {call("Forever", {"a"}, {"b"})}}; }

/// 2^20 nodes of 20 functions.
std::vector<Function> doubling() {
  static std::vector<std::string> names;
  for (int i = 0; i < 21; ++i) names.push_back("F" + std::to_string(i));
  std::vector<Function> all{{names[0], {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}}};
  for (std::size_t i = 1; i < 21; ++i) {
    all.push_back({names[i],
                   {"a"},
                   {"b"},
                   {call(names[i - 1], {"a"}, {"m"}), call(names[i - 1], {"m"}, {"b"})}});
  }
  return all;
}

/// A constant of a MiB in each of 1,024 calls.
std::vector<Message> many_calls() {
  std::vector<Message> nodes;
  for (int i = 0; i < 1024; ++i) {
    const auto name = [](int n) { return n == 0 ? std::string("x") : "v" + std::to_string(n); };
    nodes.push_back(call("Large", {name(i)}, {i == 1023 ? "y" : name(i + 1)}));
  }
  return nodes;
}

std::vector<Message> large_constants() {
  const std::vector<std::int64_t> zeros(65'536, 0);
  std::vector<Message> nodes;
  for (int i = 0; i < 2; ++i)
    nodes.push_back(
        node("Constant", {}, {"c" + std::to_string(i)}, {ints_attribute("value_ints", zeros)}));
  return nodes;
}

/// The same in a branch, whose constants are made anew in each call as well.
Function large_branch() {
  Message branch;
  for (const Message& each : large_constants()) branch.message(1, each);
  branch.message(12, port("c0", {65'536}, DataType::Int64));
  return {"Large",
          {"a"},
          {"b"},
          {node("If", {"a"}, {"b"},
                {graph_attribute("then_branch", branch), graph_attribute("else_branch", branch)})}};
}

INSTANTIATE_TEST_SUITE_P(
    Calls, WrongFunctions,
    ::testing::Values(
        WrongFunction{
            "Itself", {called_forever()}, {call("Forever", {"x"}, {"y"})}, "more than 32 deep"},
        WrongFunction{
            "TooManyNodes", doubling, {call("F20", {"x"}, {"y"})}, "more than 50000 nodes"},
        WrongFunction{"TooManyBytes",
                      [] {
                        return std::vector<Function>{{"Large", {"a"}, {"a"}, large_constants()}};
                      },
                      many_calls, "bytes in all their calls"},
        WrongFunction{"TooManyBytesInBranches",
                      [] { return std::vector<Function>{large_branch()}; }, many_calls,
                      "bytes in all their calls"},
        WrongFunction{
            "Twice", {kDouble, kDouble}, {call("Double", {"x"}, {"y"})}, "is there twice"},
        WrongFunction{"TheStandardsOwn",
                      {{"Relu", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}, {}, {}, "ai.onnx"}},
                      {node("Relu", {"x"}, {"y"})},
                      "in the standard's own domain"},
        WrongFunction{"AnotherOpset",
                      {{"Old", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}, {}, {}, "own", 9}},
                      {call("Old", {"x"}, {"y"})},
                      "the function is of operator set 9, the model of 17"},
        WrongFunction{"TooManyInputs",
                      {kDouble},
                      {call("Double", {"x", "x"}, {"y"})},
                      "there are 2 inputs and 1 outputs, the function has 1 and 1"},
        WrongFunction{"TooManyOutputs",
                      {kDouble},
                      {call("Double", {"x"}, {"y", "z"})},
                      "there are 1 inputs and 2 outputs"},
        WrongFunction{"UnknownAttribute",
                      {kDouble},
                      {call("Double", {"x"}, {"y"}, {int_attribute("n", 1)})},
                      "the function has no attribute \"n\""},
        WrongFunction{"AttributeOfAnotherType",
                      {kLeaky},
                      {call("Leaky", {"x"}, {"y"}, {int_attribute("slope", 1)})},
                      "of another type"},
        WrongFunction{"ReferenceToNothing",
                      {{"F",
                        {"a"},
                        {"b"},
                        {node("LeakyRelu", {"a"}, {"b"}, {reference("alpha", "s", kFloat)})}}},
                      {call("F", {"x"}, {"y"})},
                      "which the function does not have"},
        WrongFunction{"ReferenceOutsideOfFunctions",
                      {},
                      {node("LeakyRelu", {"x"}, {"y"}, {reference("alpha", "slope", kFloat)})},
                      "stands in none"},
        WrongFunction{"ReadsTheCallersValues",
                      {{"F", {"a"}, {"b"}, {node("Add", {"a", "x"}, {"b"})}}},
                      {call("F", {"x"}, {"y"})},
                      "input \"x\" is not made by any node before it"},
        WrongFunction{"MakesNoOutput",
                      {{"F", {"a"}, {"b"}, {}}},
                      {call("F", {"x"}, {"y"})},
                      "output \"b\" of the function is made by no node"},
        WrongFunction{"OutputIsALeftOutInput",
                      {{"F", {"a", "c"}, {"c"}, {}}},
                      {call("F", {"x"}, {"y"})},
                      "output \"c\" of the function is made by no node"},
        WrongFunction{"MakesAValueTwice",
                      {kDouble},
                      {call("Double", {"x"}, {"y"}), call("Double", {"x"}, {"y"})},
                      "value \"y\" is made twice"},
        WrongFunction{"InputsOfOneName",
                      {{"F", {"a", "a"}, {"b"}, {node("Neg", {"a"}, {"b"})}}},
                      {call("F", {"x", "x"}, {"y"})},
                      "value \"a\" is made twice"},
        WrongFunction{"NotThere", {kDouble}, {call("Triple", {"x"}, {"y"})}, "Triple"},
        WrongFunction{
            "DefaultThatRefers",
            {{"F", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}, {}, {reference("s", "t", kInt)}}},
            {call("F", {"x"}, {"y"})},
            "a default refers to another attribute"}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
