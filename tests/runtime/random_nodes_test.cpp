// Operators that draw random numbers: their spread, what a seed promises, refusals.
#include <cmath>
#include <numeric>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

constexpr std::int64_t kCount = 40'000;

std::vector<float> drawn(std::string_view op, std::vector<Message> attributes) {
  attributes.push_back(ints_attribute("shape", {kCount}));
  const auto outputs = run_graph(node_graph(op, {}, attributes), {});
  EXPECT_TRUE(outputs.ok()) << outputs.error();
  return elements_of<float>((*outputs)[0]);
}

struct Spread {
  double mean, deviation;
};
Spread spread_of(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += double{value};
    squares += double{value} * double{value};
  }
  const auto count = static_cast<double>(values.size());
  return {sum / count, std::sqrt(squares / count - sum / count * sum / count)};
}

// Five deviations of the mean, which is one run in two million.
TEST(RandomNodes, NormalOnesHaveTheirMeanAndDeviation) {
  const Spread spread =
      spread_of(drawn("RandomNormal", {float_attribute("mean", 3), float_attribute("scale", 2)}));
  EXPECT_NEAR(spread.mean, 3, 0.05);
  EXPECT_NEAR(spread.deviation, 2, 0.05);
}

TEST(RandomNodes, UniformOnesFillTheirRangeAndStayWithin) {
  const std::vector<float> values =
      drawn("RandomUniform", {float_attribute("low", -1), float_attribute("high", 3)});
  const auto [least, most] = std::ranges::minmax(values);
  EXPECT_GE(least, -1);
  EXPECT_LT(most, 3);
  EXPECT_LT(least, -0.99);
  EXPECT_GT(most, 2.99);
  EXPECT_NEAR(spread_of(values).mean, 1, 0.03);
}

TEST(RandomNodes, ASeedDrawsTheSameInEveryRunAndModel) {
  const std::vector<Message> seeded = {float_attribute("seed", 7)};
  const std::vector<float> first = drawn("RandomNormal", seeded);
  EXPECT_EQ(first, drawn("RandomNormal", seeded));
  EXPECT_NE(first, drawn("RandomNormal", {float_attribute("seed", 8)}));
}

TEST(RandomNodes, WithoutASeedEveryRunDrawsOthers) {
  const auto model = load(node_graph("RandomUniform", {}, {ints_attribute("shape", {8})}));
  ASSERT_TRUE(model.ok()) << model.error();
  const auto first = (*model)->run({}), second = (*model)->run({});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(elements_of<float>((*first)[0]), elements_of<float>((*second)[0]));
}

TEST(RandomNodes, LikeOnesHaveTheirInputsShapeAndType) {
  const auto graph =
      node_graph("RandomNormalLike", {{{2, 3}, DataType::Float64}}, {}, {{DataType::Float64}});
  const auto outputs = run_graph(
      graph, tensors(tensor<double>({2, 3}, std::vector<double>(6, 0), DataType::Float64)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ((*outputs)[0].shape, (Shape{2, 3}));
  EXPECT_EQ((*outputs)[0].dtype, DataType::Float64);
}

TEST(RandomNodes, ABernoulliIsOneAsOftenAsItsChanceSays) {
  std::vector<float> chances(kCount, 0.25F);
  chances[0] = 0;
  chances[1] = 1;
  const auto outputs = run_graph(
      node_graph("Bernoulli", {{{kCount}}}, {int_attribute("dtype", 9)}, {{DataType::Bool}}),
      tensors(tensor<float>({kCount}, chances)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const auto truths = elements_of<std::uint8_t>((*outputs)[0]);
  EXPECT_EQ(truths[0], 0);
  EXPECT_EQ(truths[1], 1);
  EXPECT_NEAR(static_cast<double>(std::accumulate(truths.begin(), truths.end(), 0)) / kCount, 0.25,
              0.011);
}

TEST(RandomNodes, AMultinomialDrawsClassesByTheirChances) {
  const float inf = std::numeric_limits<float>::infinity();
  const auto outputs =
      run_graph(node_graph("Multinomial", {{{1, 3}}}, {int_attribute("sample_size", kCount)},
                           {{DataType::Int32}}),
                tensors(tensor<float>({1, 3}, {std::log(3.0F), -inf, std::log(1.0F)})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const auto classes = elements_of<std::int32_t>((*outputs)[0]);
  EXPECT_EQ(std::ranges::count(classes, 1), 0) << "a chance of nothing";
  EXPECT_NEAR(static_cast<double>(std::ranges::count(classes, 0)) / kCount, 0.75, 0.011);
}

RunFault of(const char* name, const char* op, std::vector<NodeInput> inputs,
            std::vector<Message> attributes, const char* words,
            std::function<std::vector<Tensor>()> run = {}) {
  return {name, [=] { return node_graph(op, inputs, attributes); }, std::move(run), words};
}

class WrongRandomNodes : public ::testing::TestWithParam<RunFault> {};

TEST_P(WrongRandomNodes, AreRefusedByName) { expect_run_refused(GetParam()); }

const RunFault kFaults[] = {
    of("WithoutAShape", "RandomNormal", {}, {}, "there is no shape"),
    of("OfANegativeShape", "RandomNormal", {}, {ints_attribute("shape", {2, -1})},
       "negative dimension"),
    of("OfAnAbsurdShape", "RandomUniform", {},
       {ints_attribute("shape", {std::int64_t{1} << 30, std::int64_t{1} << 30})},
       "more than 2^40 elements"),
    of("OfANegativeScale", "RandomNormal", {},
       {ints_attribute("shape", {2}), float_attribute("scale", -1)}, "scale is -1"),
    of("OfAnEmptyRange", "RandomUniform", {},
       {ints_attribute("shape", {2}), float_attribute("low", 2)}, "low is 2, high is 1"),
    of("OfIntegers", "RandomUniform", {}, {ints_attribute("shape", {2}), int_attribute("dtype", 7)},
       "INT64 is not supported"),
    of("OfASeedThatIsNoNumber", "RandomNormal", {},
       {ints_attribute("shape", {2}), float_attribute("seed", std::nanf(""))}, "wanted is a number"),
    of("AChanceAboveOne", "Bernoulli", {{{2}}}, {}, "not between 0 and 1",
       [] {
         return one(tensor<float>({2}, {0.5F, 1.5F}));
       }),
    of("AChanceThatIsNoNumber", "Bernoulli", {{{1}}}, {}, "not between 0 and 1",
       [] { return one(tensor<float>({1}, {std::nanf("")})); }),
    of("ChancesThatAreIntegers", "Bernoulli", {{{1}, DataType::Int64}}, {},
       "INT64 is not supported"),
    of("NoClasses", "Multinomial", {{{2, 0}}}, {}, "no classes"),
    of("NoSamples", "Multinomial", {{{2, 2}}}, {int_attribute("sample_size", 0)},
       "sample_size is 0"),
    of("ClassesOfFloats", "Multinomial", {{{2, 2}}}, {int_attribute("dtype", 1)},
       "FP32 is not supported"),
    {"ARowWithoutChances",
     [] {
       return node_graph("Multinomial", {{{1, 2}}}, {}, {{DataType::Int32}});
     },
     [] {
       const float inf = std::numeric_limits<float>::infinity();
       return one(tensor<float>({1, 2}, {-inf, -inf}));
     },
     "row 0 holds no chances"},
};

INSTANTIATE_TEST_SUITE_P(Node, WrongRandomNodes, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
