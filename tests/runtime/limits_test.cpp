// Limits of memory and time: reaching one ends that run with an error, and the next one is
// answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/doubling.h"
#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// y is x doubled `trips` times, all what it was each time; the caller says how often.
GraphBuilder repeating() {
  GraphBuilder graph;
  graph.input("trips", {}, DataType::Int64).input("x", {2}).output("y", {2}).output("all", {-1, 2});
  return graph.add(
      node("Loop", {"trips", "", "x"}, {"y", "all"}, {graph_attribute("body", doubling_body())}));
}

std::vector<Tensor> repeat(std::int64_t trips) {
  return tensors(tensor<std::int64_t>({}, {trips}, DataType::Int64), tensor<float>({2}, {1, 3}));
}

void expect_next_is_answered(Model& model) {
  const auto outputs = model.run(repeat(2));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ(elements_of<float>((*outputs)[0]), (std::vector<float>{4, 12}));
}

TEST(Limits, ARunThatTakesTooLongEndsAndTheNextIsAnswered) {
  const auto model = load(repeating(), {.max_run_time = 50ms}).value();
  const auto begin = std::chrono::steady_clock::now();
  const auto refused = model->run(repeat(1'000'000));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("operator Loop"));
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 50 ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  expect_next_is_answered(*model);
}

/// So many products, one after the other, of what comes in [rows, side] and weights.
GraphBuilder products(int count, std::int64_t side, std::mt19937& random) {
  GraphBuilder graph;
  graph.input("v0", {-1, side}).output(text("v", count), {-1, side});
  graph.random_weights("w", {side, side}, 0.01F, random);
  for (int i = 0; i < count; ++i) {
    graph.add(node("MatMul", {text("v", i), "w"}, {text("v", i + 1)}, {}, text("product", i)));
  }
  return graph;
}

// Without a loop too: time is looked at between steps.
TEST(Limits, APlanEndsBetweenItsSteps) {
  std::mt19937 random(1);
  const auto model = load(products(60, 384, random), {.max_run_time = 5ms}).value();
  const auto refused = model->run(one(random_tensor({4096, 384}, random)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 5 ms"));
}

// Each of these products counts as more than may lie between two readings of the clock, so it is
// read before each: none begins once the time is over.
TEST(Limits, NoLargeStepBeginsOnceTheTimeIsOver) {
  std::mt19937 random(2);
  const auto model = load(products(9, 1024, random), {.max_run_time = 1ms}).value();
  const auto refused = model->run(one(random_tensor({1024, 1024}, random)));
  ASSERT_FALSE(refused.ok());
  // No machine does the first within the limit; whether it begins depends on how busy this one is.
  EXPECT_THAT(refused.error().message, AnyOf(HasSubstr("product0)"), HasSubstr("product1)")));
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 1 ms"));
}

TEST(Limits, WithoutOneARunTakesItsTime) {
  const auto model = load(repeating()).value();
  EXPECT_TRUE(model->run(repeat(2000)).ok());
}

// Boxes that all stay are held against each other: the time is looked at before each class.
TEST(Limits, ChoosingAmongManyBoxesEnds) {
  constexpr std::int64_t kBoxes = 4000, kClasses = 8;
  GraphBuilder graph;
  graph.input("boxes", {1, -1, 4}).input("scores", {1, kClasses, -1});
  graph.output("chosen", {-1, 3}, DataType::Int64);
  graph.initializer("most", DataType::Int64, {1}, std::vector<std::int64_t>{kBoxes});
  graph.add(node("NonMaxSuppression", {"boxes", "scores", "most"}, {"chosen"}));
  std::vector<float> boxes;
  for (std::int64_t i = 0; i < kBoxes; ++i) {
    const auto left = static_cast<float>(2 * i);
    boxes.insert(boxes.end(), {0, left, 1, left + 1});
  }
  const std::vector<float> scores(static_cast<std::size_t>(kBoxes * kClasses), 0.5F);
  const auto model = load(graph, {.max_run_time = 1ms}).value();
  const auto refused =
      model->run(tensors(tensor({1, kBoxes, 4}, boxes), tensor({1, kClasses, kBoxes}, scores)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 1 ms"));
}

// What only repeats takes no memory, but must have a size that there can be all the same.
TEST(Limits, WhatRepeatsIsNoLargerThanATensorMayBe) {
  GraphBuilder graph;
  graph.input("x", {1, 1, 2, 2}).output("y", {-1, -1});
  graph.initializer("all", DataType::Int64, {4}, std::vector<std::int64_t>{1 << 19, 1 << 19, 2, 2});
  graph.initializer("which", DataType::Int64, {2}, std::vector<std::int64_t>{0, 0});
  graph.add(node("Expand", {"x", "all"}, {"most"}));
  const auto refused_by = [&](const Message& last) {
    GraphBuilder more = graph;
    more.add(last).add(node("Flatten", {"too_much"}, {"y"}, {int_attribute("axis", 2)}));
    const auto model = load(more);
    const auto outputs = model ? (*model)->run(one(tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4})))
                               : Result<std::vector<Tensor>>(model.error());
    return outputs ? std::string("it ran") : outputs.error().message;
  };
  const std::vector<Message> nodes = {
      node("Concat", {"most", "most"}, {"too_much"}, {int_attribute("axis", 0)}, "too_much"),
      node("Concat", {"most", "most"}, {"too_much"}, {int_attribute("axis", 1)}, "too_much"),
      node("Tile", {"most", "all"}, {"too_much"}, {}, "too_much")};
  // By the node at fault, not by the one that reads it.
  for (const Message& each : nodes)
    EXPECT_THAT(refused_by(each), AllOf(HasSubstr("too_much"), Not(HasSubstr("Flatten"))));
}

// A byte that is not 0 may become 64, which no plan counts.
TEST(Limits, PlacesOfWhatIsNotZeroAreBounded) {
  GraphBuilder graph;
  graph.input("x", {-1, 1}).output("y", {2, -1}, DataType::Int64);
  graph.add(node("NonZero", {"x"}, {"y"}));
  const auto model = load(graph, {.max_activation_bytes = 10'000}).value();
  const auto refused = model->run(one(tensor({1000, 1}, std::vector<float>(1000, 1))));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("operator NonZero"));
  EXPECT_TRUE(model->run(one(tensor({1000, 1}, std::vector<float>(1000, 0)))).ok());
}

TEST(Limits, WhatALoopCollectsIsBounded) {
  const auto model = load(repeating(), {.max_activation_bytes = 4096}).value();
  const auto refused = model->run(repeat(1000));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("the limit for a run is 4096"));
  expect_next_is_answered(*model);
}

// So are tensors without elements, of which there may be a million.
TEST(Limits, NothingsThatALoopCollectsAreBounded) {
  GraphBuilder graph;
  graph.input("trips", {}, DataType::Int64).input("x", {-1}).output("y", {-1});
  graph.output("all", {-1, -1});
  graph.add(
      node("Loop", {"trips", "", "x"}, {"y", "all"}, {graph_attribute("body", doubling_body())}));
  const auto model = load(graph, {.max_activation_bytes = 100'000}).value();
  const auto nothings = [](std::int64_t trips) {
    return tensors(tensor<std::int64_t>({}, {trips}, DataType::Int64), tensor<float>({0}, {}));
  };
  const auto few = model->run(nothings(100));
  ASSERT_TRUE(few.ok()) << few.error();
  const auto refused = model->run(nothings(10'000));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
}

TEST(Limits, WhatAScanCollectsIsBounded) {
  const Message body =
      Message()
          .message(11, port("v", {2}))
          .message(1, node("Concat", {"v", "v", "v", "v"}, {"w"}, {int_attribute("axis", 0)}))
          .message(12, port("w", {8}));
  GraphBuilder graph;
  graph.input("x", {-1, 2}).output("y", {-1, 8});
  graph.add(node("Scan", {"x"}, {"y"},
                 {graph_attribute("body", body), int_attribute("num_scan_inputs", 1)}));
  const auto model = load(graph, {.max_activation_bytes = 4096}).value();
  const auto refused = model->run(one(tensor({200, 2}, std::vector<float>(400))));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_TRUE(model->run(one(tensor({20, 2}, std::vector<float>(40)))).ok());
}

// One tensor may be put into a sequence thousands of times.
TEST(Limits, WhatASequenceHoldsIsBounded) {
  GraphBuilder graph;
  graph.input("x", {-1}).output("y", {-1});
  graph.add(node("SequenceConstruct", std::vector<std::string>(100, "x"), {"all"}))
      .add(node("ConcatFromSequence", {"all"}, {"y"}, {int_attribute("axis", 0)}));
  const auto model = load(graph, {.max_activation_bytes = 40'000}).value();
  const auto refused = model->run(one(tensor({500}, std::vector<float>(500))));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("operator SequenceConstruct"));
  EXPECT_TRUE(model->run(one(tensor<float>({2}, {1, 2}))).ok());
}

}  // namespace
}  // namespace torchkeep::runtime::testing
