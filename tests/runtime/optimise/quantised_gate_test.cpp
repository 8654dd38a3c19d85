// Squeeze-and-excitation between quantised layers: numbers times a gate, and their averages.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/runtime/optimise/quantised_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAreArray;

class QuantisedGates : public QuantisedModels {
 protected:
  void SetUp() override {
    if (!dnn::Machine::multiplies_bytes())
      GTEST_SKIP() << "this processor has no exact products of bytes: nothing is recognised";
  }
  /// Bytes are the same, floats nearly.
  static void expect_same(const Make& make) {
    const std::vector<Tensor> made = answers(make, true, 17).outputs,
                              wanted = answers(make, false, 17).outputs;
    ASSERT_EQ(made.size(), wanted.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
      ASSERT_EQ(made[i].dtype, wanted[i].dtype);
      ASSERT_EQ(made[i].shape, wanted[i].shape);
      if (made[i].dtype != DataType::Float32) {
        ASSERT_EQ(made[i].data, wanted[i].data) << "output " << i;
        continue;
      }
      for (std::size_t k = 0; k < made[i].elements<float>().size(); ++k)
        ASSERT_NEAR(made[i].elements<float>()[k], wanted[i].elements<float>()[k], 1e-5) << k;
    }
  }
  void expect_recognised(const Make& make, const std::vector<std::string>& wanted) {
    EXPECT_THAT(recognised(make), ElementsAreArray(wanted));
    expect_same(make);
  }
};

struct Sides {
  Shape all, gate;
  bool turned = false;     ///< The gate is the left side.
  bool quantised = false;  ///< The gate is numbers too.
  DataType from = DataType::UInt8, to = DataType::UInt8;
};

void gated(Quantised& q, const Sides& sides) {
  const auto zero = [](DataType type, int middle) {
    return type == DataType::Int8 ? middle - 128 : middle;
  };
  q.input("x", sides.all).quantise("x", "xq", 0.03F, sides.from, zero(sides.from, 117));
  q.dequantise("xq", "xf").input("g", sides.gate);
  if (sides.quantised) q.quantise("g", "gq", 0.02F, DataType::UInt8, 99).dequantise("gq", "gf");
  const std::string gate = sides.quantised ? "gf" : "g";
  q.add(sides.turned ? node("Mul", {gate, "xf"}, {"p"}) : node("Mul", {"xf", gate}, {"p"}));
  q.quantise("p", "y", 0.05F, sides.to, zero(sides.to, 60));
  q.output("y", std::max(sides.all.size(), sides.gate.size()), sides.to);
}

TEST_F(QuantisedGates, AreTheProductsOfFloatsToTheLastBit) {
  for (const auto& [all, gate] : {std::pair{Shape{2, 5, 7, 6}, Shape{2, 5, 1, 1}},
                                  {Shape{2, 37, 9, 4}, Shape{1, 37, 1, 1}},
                                  {Shape{3, 4, 11}, Shape{3, 4, 1}},
                                  {Shape{1, 3, 2, 3, 4}, Shape{1, 3, 1, 1, 1}},
                                  {Shape{2, 5, 7, 6}, Shape{2, 5, 7, 6}},
                                  {Shape{2, 5, 7, 6}, Shape{6}},
                                  {Shape{5, 1, 6}, Shape{2, 5, 7, 1}},
                                  {Shape{4, 3}, Shape{}},
                                  {Shape{0, 5, 7, 6}, Shape{1, 5, 1, 1}}}) {
    for (const bool turned : {false, true}) {
      for (const bool quantised : {false, true}) {
        for (const auto& [from, to] : {std::pair{DataType::UInt8, DataType::UInt8},
                                       {DataType::Int8, DataType::UInt8},
                                       {DataType::UInt8, DataType::Int8},
                                       {DataType::Int8, DataType::Int8}}) {
          SCOPED_TRACE(::testing::Message() << describe(all) << " " << describe(gate) << " turned "
                                            << turned << " quantised " << quantised);
          const Sides sides{all, gate, turned, quantised, from, to};
          std::vector<std::string> wanted{"QuantizeLinear", "Mul"};
          if (quantised) wanted.insert(wanted.begin(), "QuantizeLinear");
          expect_recognised([&](Quantised& q) { gated(q, sides); }, wanted);
        }
      }
    }
  }
}

TEST_F(QuantisedGates, OfAnyShapeAreTheSame) {
  std::mt19937 random(7);
  const auto size = [&](unsigned most) { return static_cast<std::int64_t>(1 + random() % most); };
  for (int round = 0; round < 60; ++round) {
    const Shape all{size(3), size(70), size(9), size(9)};
    const Sides sides{
        all, {random() % 2 == 0 ? 1 : all[0], all[1], 1, 1}, random() % 2 == 0, random() % 2 == 0};
    SCOPED_TRACE(::testing::Message() << round << " " << describe(all));
    expect_same([&](Quantised& q) { gated(q, sides); });
  }
}

/// Conv -> its average, bent, is the gate of what it made -> Conv, as in MobileNetV3.
TEST_F(QuantisedGates, OfAWholeBlockReadWhatAConvolutionWrote) {
  for (const std::int64_t images : {1, 3}) {
    const Make make = [&](Quantised& q) {
      q.input("x", {images, 4, 7, 6}).quantise("x", "xq", 0.03F, DataType::UInt8, 110);
      q.dequantise("xq", "xf").weights("w", {24, 4, 3, 3}, 24, 0).bias("b", 24);
      q.add(node("Conv", {"xf", "w-f", "b"}, {"c"}, {ints_attribute("pads", {1, 1, 1, 1})}));
      q.quantise("c", "cq", 0.05F, DataType::UInt8, 120).dequantise("cq", "cf");
      q.add(node("GlobalAveragePool", {"cf"}, {"a"})).add(node("HardSigmoid", {"a"}, {"g"}));
      q.add(node("Mul", {"cf", "g"}, {"p"})).quantise("p", "y", 0.04F, DataType::UInt8, 128);
      q.output("y", 4).output("a", 4, DataType::Float32);
    };
    EXPECT_THAT(recognised(make), ElementsAreArray({"QuantizeLinear", "Conv", "GlobalAveragePool",
                                                    "HardSigmoid", "Mul"}));
    const std::vector<Tensor> made = answers(make, true, 17).outputs,
                              wanted = answers(make, false, 17).outputs;
    ASSERT_EQ(made.size(), 2U);
    for (std::size_t k = 0; k < made[0].data.size(); ++k)
      ASSERT_NEAR(made[0].data[k], wanted[0].data[k], 1) << k;
    for (std::size_t k = 0; k < made[1].elements<float>().size(); ++k)
      ASSERT_NEAR(made[1].elements<float>()[k], wanted[1].elements<float>()[k], 0.01) << k;
  }
}

TEST_F(QuantisedGates, AveragesOfNumbersAreTheFloatsThatTheyStandFor) {
  for (const Shape& shape : {Shape{2, 5, 7, 6}, Shape{1, 131, 3, 3}, Shape{2, 3, 9},
                             Shape{1, 2, 3, 4, 5}, Shape{0, 3, 2, 2}}) {
    for (const auto& [type, zero] : {std::pair{DataType::UInt8, 110}, {DataType::Int8, -7}}) {
      expect_recognised(
          [&](Quantised& q) {
            q.input("x", shape).quantise("x", "xq", 0.03F, type, zero).dequantise("xq", "xf");
            q.add(node("GlobalAveragePool", {"xf"}, {"y"}));
            q.output("y", shape.size(), DataType::Float32);
          },
          {"QuantizeLinear", "GlobalAveragePool"});
    }
  }
}

TEST_F(QuantisedGates, OfFloatsOrThatSomebodyElseReadsAreLeft) {
  expect_recognised(
      [](Quantised& q) {
        q.input("x", {1, 3, 4, 4}).input("g", {1, 3, 1, 1}).add(node("Mul", {"x", "g"}, {"p"}));
        q.quantise("p", "y", 0.05F).output("y", 4);
      },
      {"Mul", "QuantizeLinear"});
  expect_recognised(
      [](Quantised& q) {
        gated(q, {{1, 3, 4, 4}, {1, 3, 1, 1}});
        q.output("p", 4, DataType::Float32);
      },
      {"QuantizeLinear", "DequantizeLinear", "Mul", "QuantizeLinear"});
}

struct Misfit {
  Shape all, gate;
};

TEST_F(QuantisedGates, ThatDoNotFitAreRefused) {
  for (const auto& [all, gate] : {Misfit{{1, 3, 4, 4}, {1, 2, 1, 1}},
                                  Misfit{{2, 3, 4, 4}, {3, 3, 1, 1}}, Misfit{{1, 3, 4, 4}, {3}}}) {
    Quantised wrong(true);
    gated(wrong, {all, gate});
    const auto model = load(wrong.graph().payload(17));
    ASSERT_FALSE(model.ok()) << describe(gate);
    EXPECT_EQ(model.error().code, ErrorCode::Malformed);
    EXPECT_THAT(model.error().message, ::testing::HasSubstr("Mul"));
  }
}

TEST_F(QuantisedGates, OfAnotherTypeAreRefused) {
  Quantised wrong(true);
  wrong.input("x", {1, 3, 4, 4}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
  wrong.graph().input("g", {1, 3, 1, 1}, DataType::Float64);
  wrong.add(node("Mul", {"xf", "g"}, {"p"})).quantise("p", "y", 0.05F).output("y", 4);
  const auto model = load(wrong.graph().payload(17));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
  EXPECT_THAT(model.error().message, ::testing::HasSubstr("FP64"));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
