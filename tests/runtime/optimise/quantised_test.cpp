// Quantised numbers between DequantizeLinear and QuantizeLinear: what is recognised, what must not
// be, and that answers stay within one step of those of the nodes as written.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/runtime/optimise/quantised_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

/// The numbers of x, convolved: q = Conv(x), of 5 channels.
void convolved(Quantised& q, DataType type = DataType::UInt8, int zero = 110) {
  q.input("x", {2, 4, 7, 6}).quantise("x", "xq", 0.03F, type, zero).dequantise("xq", "xf");
  q.weights("w", {5, 4, 3, 3}, 5, 0).bias("b", 5);
  q.add(node("Conv", {"xf", "w-f", "b"}, {"c"}, {ints_attribute("pads", {1, 1, 1, 1})}));
}
/// The numbers of x times a matrix: p, of 20 columns.
void multiplied(Quantised& q, std::int64_t scales = 20, std::int64_t axis = 1) {
  q.input("x", {6, 24}).quantise("x", "xq", 0.03F, DataType::Int8, -5).dequantise("xq", "xf");
  q.weights("w", {24, 20}, scales, axis).bias("b", 20);
  q.add(node("MatMul", {"xf", "w-f"}, {"p"}));
}
void two_tensors(Quantised& q, DataType second, const Shape& other = {2, 3, 4}) {
  q.input("x", {2, 3, 4}).quantise("x", "xq", 0.03F, DataType::UInt8, 90).dequantise("xq", "xf");
  q.input("r", other).quantise("r", "rq", 0.02F, second, 30).dequantise("rq", "rf");
}

class QuantisedGraphs : public QuantisedModels {
 protected:
  void SetUp() override {
    if (!dnn::Machine::multiplies_bytes())
      GTEST_SKIP() << "this processor has no exact products of bytes: nothing is recognised";
  }
  /// Numbers within one step, few of them off at all, and not all the same.
  static void expect_same(const Make& make, std::int64_t opset = 17) {
    const std::vector<Tensor> made = answers(make, true, opset).outputs,
                              wanted = answers(make, false, opset).outputs;
    ASSERT_EQ(made.size(), wanted.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
      ASSERT_EQ(made[i].dtype, wanted[i].dtype);
      ASSERT_EQ(made[i].shape, wanted[i].shape);
      if (made[i].dtype == DataType::Float32) {
        for (std::size_t k = 0; k < made[i].elements<float>().size(); ++k)
          ASSERT_NEAR(made[i].elements<float>()[k], wanted[i].elements<float>()[k], 1e-3) << k;
        continue;
      }
      const bool is_signed = made[i].dtype == DataType::Int8;
      std::size_t off = 0;
      int least = 999, most = -999;
      for (std::size_t k = 0; k < made[i].data.size(); ++k) {
        const auto number = [&](const Tensor& tensor) {
          return is_signed ? int{tensor.elements<std::int8_t>()[k]}
                           : int{tensor.elements<std::uint8_t>()[k]};
        };
        ASSERT_NEAR(number(made[i]), number(wanted[i]), 1) << "output " << i << " at " << k;
        off += number(made[i]) != number(wanted[i]) ? 1U : 0U;
        least = std::min(least, number(wanted[i]));
        most = std::max(most, number(wanted[i]));
      }
      EXPECT_LE(off, 1 + made[i].data.size() / 50);
      EXPECT_GT(most, least + 10);
    }
  }
  void expect_recognised(const Make& make, const std::vector<std::string>& wanted) {
    EXPECT_THAT(recognised(make), ElementsAreArray(wanted));
    expect_same(make);
  }
};

TEST_F(QuantisedGraphs, AConvolutionReadsAndWritesNumbers) {
  for (const auto& [type, zero] : {std::pair{DataType::UInt8, 110}, {DataType::Int8, -7}}) {
    expect_recognised(
        [&](Quantised& q) {
          convolved(q, type, zero);
          q.add(node("Relu", {"c"}, {"d"})).quantise("d", "y", 0.05F, type, zero / 2);
          q.output("y", 4, type);
        },
        {"QuantizeLinear", "Conv"});
  }
}

TEST_F(QuantisedGraphs, ItsClipAndItsResidualAreInRealUnits) {
  expect_recognised(
      [](Quantised& q) {
        convolved(q);
        q.input("r", {2, 5, 7, 6}).quantise("r", "rq", 0.02F, DataType::UInt8, 99);
        q.dequantise("rq", "rf").add(node("Add", {"c", "rf"}, {"d"}));
        q.graph().weights("low", {}, {-1.5F}).weights("high", {}, {2.5F});
        q.add(node("Clip", {"d", "low", "high"}, {"e"}));
        q.quantise("e", "y", 0.03F, DataType::UInt8, 60).output("y", 4);
      },
      {"QuantizeLinear", "QuantizeLinear", "Conv"});
}

TEST_F(QuantisedGraphs, AResidualThatIsSpreadIsAddedApart) {
  for (const Shape& shape : {Shape{2, 5, 1, 1}, Shape{1, 2, 5, 7, 6}}) {
    expect_recognised(
        [&](Quantised& q) {
          convolved(q);
          q.input("r", shape).quantise("r", "rq", 0.02F, DataType::UInt8, 99);
          q.dequantise("rq", "rf").add(node("Add", {"c", "rf"}, {"d"}));
          q.add(node("Relu", {"d"}, {"e"}));
          q.quantise("e", "y", 0.03F, DataType::UInt8, 60).output("y", shape.size());
        },
        {"QuantizeLinear", "QuantizeLinear", "Conv"});
  }
}

TEST_F(QuantisedGraphs, AProductTakesItsBiasItsCurveAndItsResidual) {
  expect_recognised(
      [](Quantised& q) {
        multiplied(q);
        q.input("r", {6, 20}).quantise("r", "rq", 0.02F, DataType::UInt8, 120);
        q.dequantise("rq", "rf").add(node("Add", {"p", "b"}, {"pb"}));
        q.add(node("Add", {"pb", "rf"}, {"s"})).add(node("HardSwish", {"s"}, {"t"}));
        q.quantise("t", "y", 0.04F, DataType::UInt8, 40).output("y", 2);
      },
      {"QuantizeLinear", "QuantizeLinear", "MatMul"});
}

TEST_F(QuantisedGraphs, AProductThatNobodyQuantisesWritesFloats) {
  expect_recognised(
      [](Quantised& q) {
        multiplied(q);
        q.add(node("Add", {"b", "p"}, {"y"})).output("y", 2, DataType::Float32);
      },
      {"QuantizeLinear", "MatMul"});
}

TEST_F(QuantisedGraphs, ALinearLayerOfPyTorchIsOne) {
  const Make make = [](Quantised& q) {
    q.input("x", {3, 16}).quantise("x", "xq", 0.02F, DataType::UInt8, 128);
    q.add(node("Cast", {"xq"}, {"xc"}, {int_attribute("to", 2)}));
    q.add(node("DequantizeLinear", {"xc", "xq-s", "xq-z"}, {"xf"}));
    q.weights("w", {9, 16}, 9, 0);
    const std::vector<std::int32_t> sums{1, -20, 300, -4000, 50000, 6, 7, 8, 9};
    q.graph().initializer("b", DataType::Int32, {9}, sums);
    q.scale("b-s", std::vector<float>(9, 4e-5F));
    q.add(node("DequantizeLinear", {"b", "b-s"}, {"b-f"}, {int_attribute("axis", 0)}));
    q.add(node("Gemm", {"xf", "w-f", "b-f"}, {"g"}, {int_attribute("transB", 1)}));
    q.quantise("g", "y", 0.05F, DataType::UInt8, 77).output("y", 2);
  };
  EXPECT_THAT(recognised(make), ElementsAre("QuantizeLinear", "MatMul"));
  expect_same(make);
}

TEST_F(QuantisedGraphs, WeightsAround128AreTheSameAroundZero) {
  expect_recognised(
      [](Quantised& q) {
        q.input("x", {2, 4, 7}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
        q.weights("w", {6, 2, 3}, 0, 0, DataType::UInt8, 128);
        q.add(node("Conv", {"xf", "w-f"}, {"c"}, {int_attribute("group", 2)}));
        q.quantise("c", "y", 0.02F, DataType::UInt8, 128).output("y", 3);
      },
      {"QuantizeLinear", "Conv"});
}

TEST_F(QuantisedGraphs, TheStandardsOwnQuantisedLayersAreTheSame) {
  expect_recognised(
      [](Quantised& q) {
        q.input("x", {1, 3, 8, 8}).quantise("x", "xq", 0.03F, DataType::UInt8, 140);
        q.weights("w", {7, 3, 3, 3}, 7, 0);
        q.graph().initializer("b", DataType::Int32, {7},
                              std::vector<std::int32_t>{100, -200, 300, 4000, -5000, 0, 1});
        q.scale("y-s", {0.04F}).zero("y-z", DataType::UInt8, 90);
        q.add(node("QLinearConv", {"xq", "xq-s", "xq-z", "w", "w-s", "w-z", "y-s", "y-z", "b"},
                   {"y"}));
        q.weights("v", {6, 5}, 5, 1).scale("z-s", {0.02F}).zero("z-z", DataType::UInt8, 128);
        q.add(node("QLinearMatMul", {"y", "y-s", "y-z", "v", "v-s", "v-z", "z-s", "z-z"}, {"z"}));
        q.output("z", 4);
      },
      {"QuantizeLinear", "Conv", "MatMul"});
}

TEST_F(QuantisedGraphs, SumsOfNumbersStayNumbers) {
  for (const Shape& other : {Shape{2, 3, 4}, Shape{3, 1}}) {
    expect_recognised(
        [&](Quantised& q) {
          two_tensors(q, DataType::UInt8, other);
          q.add(node("Add", {"xf", "rf"}, {"s"})).add(node("Relu", {"s"}, {"t"}));
          q.quantise("t", "y", 0.04F, DataType::UInt8, 10).output("y", 3);
        },
        {"QuantizeLinear", "QuantizeLinear", "Add"});
  }
}

TEST_F(QuantisedGraphs, WhatMovesOrAveragesNumbersKeepsThem) {
  expect_recognised(
      [](Quantised& q) {
        convolved(q);
        q.quantise("c", "cq", 0.05F, DataType::UInt8, 128).dequantise("cq", "cf");
        q.add(node("MaxPool", {"cf"}, {"m"}, {ints_attribute("kernel_shape", {2, 2})}));
        const auto again = [&](const std::string& from, const std::string& to) {
          q.add(node("QuantizeLinear", {from, "cq-s", "cq-z"}, {to + "q"}));
          q.add(node("DequantizeLinear", {to + "q", "cq-s", "cq-z"}, {to}));
        };
        again("m", "mf");
        q.add(node("Transpose", {"mf"}, {"t"}, {ints_attribute("perm", {0, 1, 3, 2})}));
        again("t", "tf");
        q.add(node("GlobalAveragePool", {"tf"}, {"a"}));
        again("a", "af");
        q.add(node("Flatten", {"af"}, {"f"}));
        q.add(node("QuantizeLinear", {"f", "cq-s", "cq-z"}, {"y"})).output("y", 2);
      },
      {"QuantizeLinear", "Conv", "MaxPool", "Transpose", "GlobalAveragePool", "Flatten"});
}

/// Two convolutions of x, joined along `axis`, pooled, and flattened. `other`: what the second
/// one's numbers stand for; the joined ones are UInt8 around 100, 0.05 each.
Make joined(float scale, DataType type, int zero, std::int64_t axis, std::int64_t other_channels) {
  return [=](Quantised& q) {
    convolved(q);
    q.weights("v", {other_channels, 4, 3, 3}, 1, 0);
    q.add(node("Conv", {"xf", "v-f"}, {"d"}, {ints_attribute("pads", {1, 1, 1, 1})}));
    q.quantise("c", "cq", 0.05F, DataType::UInt8, 100).dequantise("cq", "cf");
    q.quantise("d", "dq", scale, type, zero).dequantise("dq", "df");
    q.add(node("Concat", {"cf", "df", "cf"}, {"j"}, {int_attribute("axis", axis)}));
    q.add(node("QuantizeLinear", {"j", "cq-s", "cq-z"}, {"jq"})).output("jq", 4);
    q.dequantise_as("jq", "cq", "jf");
    q.add(node("MaxPool", {"jf"}, {"m"}, {ints_attribute("kernel_shape", {2, 2})}));
    q.add(node("QuantizeLinear", {"m", "cq-s", "cq-z"}, {"y"})).output("y", 4);
  };
}

TEST_F(QuantisedGraphs, WhatIsJoinedIsBroughtToOneScale) {
  const std::vector<std::string> wanted{"QuantizeLinear", "Conv", "Conv", "Concat", "MaxPool"};
  for (const std::int64_t axis : {1, 0, -1, 2}) {
    const std::int64_t channels = axis == 1 ? 7 : 5;
    for (const DataType type : {DataType::UInt8, DataType::Int8}) {
      const int zero = type == DataType::UInt8 ? 140 : -9;
      expect_recognised(joined(0.021F, type, zero, axis, channels), wanted);
      expect_recognised(joined(0.09F, type, zero, axis, channels), wanted);
    }
    expect_recognised(joined(0.05F, DataType::UInt8, 100, axis, channels), wanted);
  }
}

TEST_F(QuantisedGraphs, PoolsOfNumbersThatLiePlainlyAreTheSame) {
  expect_recognised(
      [](Quantised& q) {
        q.input("x", {2, 3, 6, 5}).quantise("x", "xq", 0.03F, DataType::UInt8, 90);
        q.dequantise("xq", "xf");
        q.add(node("MaxPool", {"xf"}, {"m"},
                   {ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {1, 1, 1, 1})}));
        q.add(node("QuantizeLinear", {"m", "xq-s", "xq-z"}, {"mq"})).output("mq", 4);
        // Of 9 numbers: no mean lies halfway between two.
        q.add(node("AveragePool", {"xf"}, {"a"}, {ints_attribute("kernel_shape", {3, 3})}));
        q.add(node("QuantizeLinear", {"a", "xq-s", "xq-z"}, {"y"})).output("y", 4);
      },
      {"QuantizeLinear", "MaxPool", "AveragePool"});
}

struct NearMiss {
  const char* name;
  Make make;
  std::vector<std::string> wanted;
};

class NearMisses : public QuantisedGraphs, public ::testing::WithParamInterface<NearMiss> {};

TEST_P(NearMisses, AreLeftAsWritten) { expect_recognised(GetParam().make, GetParam().wanted); }

Make pooled(float scale, int zero, bool shared) {
  return [=](Quantised& q) {
    q.input("x", {1, 2, 4, 4}).quantise("x", "xq", 0.03F, DataType::UInt8, 128);
    q.dequantise("xq", "xf");
    q.add(node("MaxPool", {"xf"}, {"m"}, {ints_attribute("kernel_shape", {2, 2})}));
    q.quantise("m", "y", scale, DataType::UInt8, zero).output("y", 4);
    if (shared) q.output("m", 4, DataType::Float32);
  };
}

const std::vector<std::string> kPooled{"QuantizeLinear", "DequantizeLinear", "MaxPool",
                                       "QuantizeLinear"};
const std::vector<std::string> kFloats{"QuantizeLinear", "DequantizeLinear", "MatMul",
                                       "QuantizeLinear"};

INSTANTIATE_TEST_SUITE_P(
    Graphs, NearMisses,
    ::testing::Values(
        NearMiss{"APoolWithAnotherScale", pooled(0.031F, 128, false), kPooled},
        NearMiss{"APoolWithAnotherZeroPoint", pooled(0.03F, 127, false), kPooled},
        NearMiss{"APoolThatIsAnOutputToo", pooled(0.03F, 128, true), kPooled},
        NearMiss{"AnAverageThatCountsPadding",
                 [](Quantised& q) {
                   q.input("x", {1, 2, 4, 4}).quantise("x", "xq", 0.03F, DataType::UInt8, 128);
                   q.dequantise("xq", "xf");
                   q.add(node("AveragePool", {"xf"}, {"m"},
                              {ints_attribute("kernel_shape", {3, 3}),
                               ints_attribute("pads", {1, 1, 1, 1}),
                               int_attribute("count_include_pad", 1)}));
                   q.add(node("QuantizeLinear", {"m", "xq-s", "xq-z"}, {"y"})).output("y", 4);
                 },
                 {"QuantizeLinear", "DequantizeLinear", "AveragePool", "QuantizeLinear"}},
        NearMiss{"WeightsAroundAnotherZero",
                 [](Quantised& q) {
                   q.input("x", {6, 24}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
                   q.weights("w", {24, 20}, 0, 1, DataType::Int8, 3);
                   q.add(node("MatMul", {"xf", "w-f"}, {"p"}));
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 kFloats},
        NearMiss{"ScalesAlongTheOtherAxis",
                 [](Quantised& q) {
                   multiplied(q, 24, 0);
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 kFloats},
        NearMiss{"ScalesAlongTheOtherAxisOfASquare",
                 [](Quantised& q) {
                   q.input("x", {6, 20}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
                   q.weights("w", {20, 20}, 20, 0);
                   q.add(node("MatMul", {"xf", "w-f"}, {"p"}));
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 kFloats},
        NearMiss{"ATransposedInput",
                 [](Quantised& q) {
                   q.input("x", {24, 6}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
                   q.weights("w", {24, 20}, 20, 1);
                   q.add(node("Gemm", {"xf", "w-f"}, {"p"}, {int_attribute("transA", 1)}));
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 {"QuantizeLinear", "DequantizeLinear", "Gemm", "QuantizeLinear"}},
        NearMiss{"AScaledProduct",
                 [](Quantised& q) {
                   q.input("x", {6, 24}).quantise("x", "xq", 0.03F).dequantise("xq", "xf");
                   q.weights("w", {24, 20}, 20, 1);
                   q.add(node("Gemm", {"xf", "w-f"}, {"p"}, {float_attribute("alpha", 0.5F)}));
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 {"QuantizeLinear", "DequantizeLinear", "Gemm", "QuantizeLinear"}},
        NearMiss{"AProductThatIsAnOutputToo",
                 [](Quantised& q) {
                   multiplied(q);
                   q.quantise("p", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                   q.output("p", 2, DataType::Float32);
                 },
                 {"QuantizeLinear", "MatMul", "QuantizeLinear"}},
        NearMiss{
            "AResidualOfAnotherType",
            [](Quantised& q) {
              multiplied(q);
              q.input("r", {6, 20}).quantise("r", "rq", 0.02F, DataType::Int8, 12);
              q.dequantise("rq", "rf").add(node("Add", {"p", "rf"}, {"s"}));
              q.quantise("s", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
            },
            {"QuantizeLinear", "QuantizeLinear", "DequantizeLinear", "MatMul", "QuantizeLinear"}},
        NearMiss{"AResidualOfFloats",
                 [](Quantised& q) {
                   multiplied(q);
                   q.input("r", {6, 20}).add(node("Add", {"p", "r"}, {"s"}));
                   q.quantise("s", "y", 0.05F, DataType::UInt8, 128).output("y", 2);
                 },
                 {"QuantizeLinear", "MatMul", "QuantizeLinear"}},
        NearMiss{"ASumOfTwoTypes",
                 [](Quantised& q) {
                   two_tensors(q, DataType::Int8);
                   q.add(node("Add", {"xf", "rf"}, {"s"}));
                   q.quantise("s", "y", 0.04F, DataType::UInt8, 128).output("y", 3);
                 },
                 {"QuantizeLinear", "DequantizeLinear", "QuantizeLinear", "DequantizeLinear", "Add",
                  "QuantizeLinear"}},
        NearMiss{"ASumThatOthersRead",
                 [](Quantised& q) {
                   two_tensors(q, DataType::UInt8);
                   q.add(node("Add", {"xf", "rf"}, {"s"})).output("s", 3, DataType::Float32);
                   q.quantise("s", "y", 0.04F, DataType::UInt8, 128).output("y", 3);
                 },
                 {"QuantizeLinear", "DequantizeLinear", "QuantizeLinear", "DequantizeLinear", "Add",
                  "QuantizeLinear"}}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace torchkeep::runtime::testing
