#include "torchkeep/runtime/half.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

TEST(Half, EveryOneComesBackFromFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Half half{static_cast<std::uint16_t>(bits)};
    const Bfloat16 brain{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(half))) {
      ASSERT_EQ(narrow_to<Half>(to_float(half)), half) << bits;
    }
    if (!std::isnan(to_float(brain))) {
      ASSERT_EQ(narrow_to<Bfloat16>(to_float(brain)), brain) << bits;
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  const auto rounded = [](float value) { return to_float(narrow_to<Half>(value)); };
  EXPECT_EQ(rounded(1 + 0x1p-11F), 1);
  EXPECT_EQ(rounded(1 + 0x1.8p-10F), 1 + 0x1p-9F);
  EXPECT_EQ(rounded(65519), 65504);
  EXPECT_EQ(rounded(65520), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(-1e30F), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(0x1p-25F), 0) << "half of the least";
  EXPECT_EQ(rounded(0x1.8p-25F), 0x1p-24F);
  EXPECT_TRUE(std::isnan(rounded(std::nanf(""))));
  EXPECT_EQ(to_float(narrow_to<Bfloat16>(1 + 0x1p-8F)), 1);
  EXPECT_EQ(to_float(narrow_to<Bfloat16>(1 + 0x1.8p-7F)), 1 + 0x1p-6F);
  EXPECT_TRUE(std::isnan(to_float(narrow_to<Bfloat16>(std::nanf("")))));
}

TEST(Half, ADoubleIsNotRoundedTwice) {
  // Just above a tie of half precision, and nearer to it than a float can tell.
  const double above = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(to_float(narrow_to<Half>(static_cast<float>(above))), 1);
  EXPECT_EQ(to_float(narrow_to<Half>(to_odd_float(above))), 1 + 0x1p-10F);
  EXPECT_EQ(to_float(narrow_to<Half>(to_odd_float(1 + 0x1p-11 - 0x1p-40))), 1);
  EXPECT_EQ(to_odd_float(-0.5), -0.5F);
}

Tensor halves(Shape shape, const std::vector<float>& values) {
  Tensor tensor = Tensor::uninitialised(DataType::Float16, std::move(shape)).value();
  for (std::size_t i = 0; i < values.size(); ++i)
    tensor.elements<Half>()[i] = narrow_to<Half>(values[i]);
  return tensor;
}

std::vector<float> floats_of(const Tensor& tensor) {
  std::vector<float> values;
  for (const Half half : tensor.elements<Half>()) values.push_back(to_float(half));
  return values;
}

TEST(Half, OperatorsThatKnowNothingOfThemRoundWhatTheyMakeInFloat) {
  GraphBuilder graph;
  graph.input("x", {-1, 2}, DataType::Float16).output("y", {-1, 2}, DataType::Float16);
  graph.add(node("Exp", {"x"}, {"e"})).add(node("Add", {"e", "x"}, {"s"}));
  graph.add(node("Transpose", {"s"}, {"t"})).add(node("Transpose", {"t"}, {"y"}));
  const auto model = load(graph).value();
  std::vector<Tensor> inputs;
  inputs.push_back(halves({1, 2}, {0, 1}));
  for (int run = 0; run < 2; ++run) {
    const auto outputs = model->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_EQ((*outputs)[0].dtype, DataType::Float16);
    EXPECT_EQ(floats_of((*outputs)[0]), (std::vector<float>{1, 3.71875F}));
  }
}

TEST(Half, OfAnotherTypeThanTheOtherSideAreRefused) {
  GraphBuilder graph;
  graph.input("x", {2}, DataType::Float16).input("i", {2}, DataType::Int32);
  graph.output("y", {2}, DataType::Float16).add(node("Add", {"x", "i"}, {"y"}, {}, "/sum"));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message.find("operator Add (node /sum)"), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
