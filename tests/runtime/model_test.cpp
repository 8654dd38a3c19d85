#include "torchkeep/runtime/model.h"

#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/reference.h"
#include "tests/support/files.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// y = relu(x * w + x) over [batch, 3], with w a parameter.
GraphBuilder scaled() {
  GraphBuilder graph;
  graph.input("x", {-1, 3}).weights("w", {3}, {1, 2, 3}).output("y", {-1, 3});
  return graph.add(node("Mul", {"x", "w"}, {"m"}))
      .add(node("Add", {"m", "x"}, {"s"}))
      .add(node("Relu", {"s"}, {"y"}));
}

TEST(Model, StatesItsInputsAndOutputs) {
  const auto model = load(scaled()).value();
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].shape, (Shape{-1, 3}));
  EXPECT_EQ(model->outputs()[0].name, "y");
  EXPECT_EQ(model->parameter_bytes(), 3 * sizeof(float));
}

TEST(Model, TakesAnyBatchInAnyOrder) {
  const auto model = load(scaled(), {.threads = 2, .max_plans = 2}).value();
  for (const std::int64_t batch : {1, 4, 2, 1, 7, 4, 1, 0, 1}) {
    std::vector<float> x(static_cast<std::size_t>(3 * batch), 2.0F);
    const auto outputs = model->run(one(tensor({batch, 3}, x)));
    ASSERT_TRUE(outputs.ok()) << batch << ": " << outputs.error();
    EXPECT_EQ((*outputs)[0].shape, (Shape{batch, 3}));
    for (std::size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ((*outputs)[0].elements<float>()[i], 2.0F * static_cast<float>(2 + i % 3));
  }
}

struct WrongCall {
  const char* name;
  std::function<std::vector<Tensor>()> inputs;
  const char* words;
};
class WrongCalls : public ::testing::TestWithParam<WrongCall> {};
TEST_P(WrongCalls, AreRefusedAndHarmNothing) {
  const auto model = load(scaled()).value();
  const auto refused = model->run(GetParam().inputs());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr(GetParam().words));
  const auto good = model->run(one(tensor<float>({1, 3}, {1, 1, 1})));
  ASSERT_TRUE(good.ok());
  EXPECT_THAT((*good)[0].elements<float>(), ElementsAre(2, 3, 4));
}
INSTANTIATE_TEST_SUITE_P(
    Model, WrongCalls,
    ::testing::Values(
        WrongCall{"NoInput", [] { return std::vector<Tensor>(); },
                  "there are 0 inputs, wanted are 1"},
        WrongCall{"TwoInputs",
                  [] {
                    auto inputs = one(tensor<float>({1, 3}, {1, 1, 1}));
                    inputs.push_back(tensor<float>({1, 3}, {1, 1, 1}));
                    return inputs;
                  },
                  "there are 2 inputs"},
        WrongCall{"AnotherType",
                  [] {
                    return one(tensor<std::int32_t>({1, 3}, {1, 1, 1}, DataType::Int32));
                  },
                  "input \"x\" is INT32, wanted is FP32"},
        WrongCall{"AnotherRank",
                  [] {
                    return one(tensor<float>({3}, {1, 1, 1}));
                  },
                  "has shape [3], wanted is [?, 3]"},
        WrongCall{"AnotherDimension",
                  [] {
                    return one(tensor<float>({1, 4}, {1, 1, 1, 1}));
                  },
                  "has shape [1, 4]"},
        WrongCall{"ANegativeBatch",
                  [] {
                    return one(tensor<float>({-1, 3}, {1, 1, 1}));
                  },
                  "has a negative dimension"},
        WrongCall{"TooFewBytes",
                  [] {
                    return one(tensor<float>({2, 3}, {1, 1, 1}));
                  },
                  "has 12 bytes, which do not follow its shape [2, 3], wanted are 24"},
        WrongCall{"TooManyBytes",
                  [] {
                    return one(tensor<float>({1, 3}, {1, 1, 1, 1}));
                  },
                  "has 16 bytes"},
        WrongCall{"AnAbsurdBatch",
                  [] {
                    return one(tensor<float>({std::int64_t{1} << 60, 3}, {1}));
                  },
                  "more than 2^40 elements"}),
    [](const auto& each) { return each.param.name; });

TEST(Model, ActivationsAboveTheLimitEndThatRequestAlone) {
  const auto model = load(scaled(), {.threads = 1, .max_activation_bytes = 4096}).value();
  const auto refused = model->run(one(tensor({1000, 3}, std::vector<float>(3000))));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("4096"));
  EXPECT_TRUE(model->run(one(tensor<float>({1, 3}, {1, 1, 1}))).ok());
}

TEST(Model, OutputsMayBeInputsParametersOrTheSameValueTwice) {
  GraphBuilder graph;
  graph.input("x", {2}).weights("w", {2}, {7, 8});
  graph.add(node("Identity", {"x"}, {"a"}))
      .add(node("Identity", {"w"}, {"b"}))
      .add(node("Neg", {"x"}, {"c"}));
  graph.add(node("Identity", {"c"}, {"d"}));
  for (const char* name : {"x", "a", "w", "b", "c", "d"}) graph.output(name, {2});
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({2}, {1, 2})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  ASSERT_EQ(outputs->size(), 6u);
  EXPECT_THAT((*outputs)[0].elements<float>(), ElementsAre(1, 2));
  EXPECT_THAT((*outputs)[1].elements<float>(), ElementsAre(1, 2));
  EXPECT_THAT((*outputs)[2].elements<float>(), ElementsAre(7, 8));
  EXPECT_THAT((*outputs)[3].elements<float>(), ElementsAre(7, 8));
  EXPECT_THAT((*outputs)[4].elements<float>(), ElementsAre(-1, -2));
  EXPECT_THAT((*outputs)[5].elements<float>(), ElementsAre(-1, -2));
}

// As PyTorch writes x.view(x.size(0), -1): the new shape is computed from the input's.
TEST(Model, FollowsShapesThatAreComputedFromShapes) {
  GraphBuilder graph;
  graph.input("x", {-1, 2, 3}).output("y", {-1, 6});
  graph.add(node("Shape", {"x"}, {"s"})).add(constant_node("zero", {0}));
  graph.add(node("Gather", {"s", "zero"}, {"n"})).add(constant_node("rest", {-1}));
  graph.add(node("Concat", {"n", "rest"}, {"to"}, {int_attribute("axis", 0)}))
      .add(node("Reshape", {"x", "to"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (const std::int64_t batch : {1, 5}) {
    const auto outputs = (*model)->run(
        one(tensor({batch, 2, 3}, std::vector<float>(static_cast<std::size_t>(6 * batch), 1))));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_EQ((*outputs)[0].shape, (Shape{batch, 6}));
  }
}

TEST(Model, ConvolvesOtherSizesThanTheOneItsWeightsWerePackedFor) {
  std::mt19937 random(3);
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", {32, 16, 3, 3}, 0.2F, random);
  graph.input("x", {-1, 16, -1, -1})
      .output("y", {-1, 32, -1, -1})
      .add(node("Conv", {"x", "w"}, {"y"}));
  const auto model = load(graph, {.threads = 2});
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_GE((*model)->parameter_bytes(), weights.size() * sizeof(float));
  for (const auto& [batch, height, width] :
       {std::tuple{1, 3, 3}, {2, 30, 5}, {7, 8, 64}, {1, 56, 56}}) {
    const ReferenceConvolution c{batch, 16, height, width, 32, 3, 3};
    const Tensor input = random_tensor(c.input_shape(), random);
    const auto outputs = (*model)->run({&input, 1});
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(),
                                 reference_convolution(c, input.elements<float>(), weights, {})),
              1e-4);
  }
  const auto small = (*model)->run(one(tensor({1, 16, 2, 2}, std::vector<float>(64))));
  ASSERT_FALSE(small.ok());
  EXPECT_THAT(small.error().message,
              HasSubstr("operator Conv (node /Conv): a window of 3 does not fit into 2"));
}

TEST(Model, ComputesWithNumbersThatAreNone) {
  GraphBuilder graph;
  graph.input("x", {-1, 3}).output("y", {-1, 3}).add(node("Softmax", {"x"}, {"y"}));
  const auto model = load(graph).value();
  const float infinite = std::numeric_limits<float>::infinity(),
              none = std::numeric_limits<float>::quiet_NaN();
  for (const float strange : {infinite, -infinite, none, 1e38F, -1e38F, 1e-45F}) {
    EXPECT_TRUE(model->run(one(tensor<float>({1, 3}, {1, strange, 2}))).ok());
  }
}

TEST(Model, AnswersManyThreadsOneAfterTheOther) {
  const auto model = load(scaled(), {.threads = 2}).value();
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (int caller = 1; caller <= 4; ++caller) {
    callers.emplace_back([&, caller] {
      const auto value = static_cast<float>(caller);
      for (int i = 0; i < 50; ++i) {
        const auto outputs = model->run(one(tensor<float>({1, 3}, {value, value, value})));
        right += outputs.ok() && (*outputs)[0].elements<float>()[2] == 4 * value;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 200);
}

TEST(Model, TwoModelsWithTeamsOfTheirOwnRunAtOnce) {
  std::mt19937 random(4);
  const ReferenceConvolution c{1, 16, 20, 20, 32, 3, 3};
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", c.weights_shape(), 0.2F, random);
  graph.input("x", c.input_shape())
      .output("y", c.output_shape())
      .add(node("Conv", {"x", "w"}, {"y"}));
  const Tensor input = random_tensor(c.input_shape(), random);
  const auto wanted = reference_convolution(c, input.elements<float>(), weights, {});
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (const int threads : {1, 2, 3}) {
    callers.emplace_back([&, threads] {
      const auto model = load(graph, {.threads = threads}).value();
      for (int i = 0; i < 20; ++i) {
        const auto outputs = model->run({&input, 1});
        wrong +=
            !outputs.ok() || largest_difference((*outputs)[0].elements<float>(), wanted) > 1e-4;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// Made by tests/runtime/vectors/make.py with PyTorch: convolutions with and without groups, batch
// norm, residual sums, poolings, linear layers, a softmax, and a batch of the caller's choice.
TEST(Model, AgreesWithPyTorchOnAnExportedNetwork) {
  const Path folder = Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/pytorch";
  const auto read = [&](const char* name, const Shape& shape) {
    const Bytes bytes = load_file(folder / name, 1 << 20).value();
    return Tensor(DataType::Float32, shape, SecretBuffer(bytes.begin(), bytes.end()));
  };
  for (const char* name : {"small_cnn.onnx", "small_cnn_training_form.onnx"}) {
    const auto model = Model::load_onnx(folder / name, {.threads = 2});
    ASSERT_TRUE(model.ok()) << name << ": " << model.error();
    const Tensor input = read("small_cnn_input.f32", {3, 3, 17, 15});
    const Tensor wanted = read("small_cnn_output.f32", {3, 5});
    const auto outputs = (*model)->run({&input, 1});
    ASSERT_TRUE(outputs.ok()) << name << ": " << outputs.error();
    ASSERT_EQ((*outputs)[0].shape, wanted.shape);
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), wanted.elements<float>()), 1e-5)
        << name;
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
