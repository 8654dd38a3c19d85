// Tensors without elements: answered with what the standard says, or refused, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::HasSubstr;

GraphBuilder product(std::string_view op, const Shape& input, const Shape& weights,
                     const Shape& output) {
  const std::vector<float> values(static_cast<std::size_t>(weights[0] * weights[1]), 0.5F);
  return GraphBuilder()
      .input("x", input)
      .output("y", output)
      .weights("w", weights, values)
      .add(node(op, {"x", "w"}, {"y"}));
}

void expect_empty(const GraphBuilder& graph, const Shape& input, const Shape& output) {
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor(input, {})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ((*outputs)[0].shape, output);
}

TEST(Empty, AProductOfNoRowsHasNone) {
  for (const std::int64_t columns : {2, 40}) {  // plain weights, and packed ones
    expect_empty(product("Gemm", {0, 6}, {6, columns}, {0, columns}), {0, 6}, {0, columns});
    expect_empty(product("MatMul", {0, 6}, {6, columns}, {0, columns}), {0, 6}, {0, columns});
    expect_empty(product("MatMul", {0, 3, 6}, {6, columns}, {0, 3, columns}), {0, 3, 6},
                 {0, 3, columns});
  }
}

TEST(Empty, AProductOfNothingIsRefused) {
  const auto model = load(product("MatMul", {2, 0}, {0, 3}, {2, 3}));
  const auto outputs = model ? (*model)->run(one(tensor({2, 0}, {}))).error() : model.error();
  EXPECT_EQ(outputs.code, ErrorCode::Malformed);
  EXPECT_THAT(outputs.message, HasSubstr("sums up nothing"));
}

TEST(Empty, NoImagesAreNoneConvolved) {
  GraphBuilder graph;
  graph.input("x", {0, 1, 5, 5}).output("y", {0, 2, 3, 3});
  graph.weights("w", {2, 1, 3, 3}, std::vector<float>(18, 0.5F));
  graph.add(node("Conv", {"x", "w"}, {"c"})).add(node("Relu", {"c"}, {"y"}));
  expect_empty(graph, {0, 1, 5, 5}, {0, 2, 3, 3});
}

// It costs the caller nothing and whoever walks along the other side minutes.
TEST(Empty, AHugeSideBesideNoneIsRefused) {
  const auto model = load(
      GraphBuilder().input("x", {-1, -1}).output("y", {-1, -1}).add(node("Neg", {"x"}, {"y"})));
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_TRUE((*model)->run(one(Tensor(DataType::Float32, {1 << 20, 0}, {}))).ok());
  for (const Shape& shape : {Shape{1LL << 31, 0}, Shape{0, 1LL << 40}, Shape{0, (1 << 30) + 1}}) {
    const auto refused = (*model)->run(one(Tensor(DataType::Float32, shape, {})));
    ASSERT_FALSE(refused.ok()) << describe(shape);
    EXPECT_THAT(refused.error().message, HasSubstr("more than 2^30"));
  }
}

TEST(Empty, MorePartsThanASequenceHoldsAreRefused) {
  GraphBuilder graph;
  graph.input("x", {-1, -1}).output("y", {}, DataType::Int64);
  graph.add(node("SplitToSequence", {"x"}, {"parts"}))
      .add(node("SequenceLength", {"parts"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_TRUE((*model)->run(one(Tensor(DataType::Float32, {1 << 10, 0}, {}))).ok());
  const auto refused = (*model)->run(one(Tensor(DataType::Float32, {1 << 29, 0}, {})));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("a sequence holds at most 1048576"));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
