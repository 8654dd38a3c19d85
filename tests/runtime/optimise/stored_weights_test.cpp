// Matrices that stay as small as they are stored: what is recognised, what must not be, and answers
// as of the floats that the standard makes of them.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/runtime/optimise/quantised_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAreArray;

class StoredWeights : public QuantisedModels {
 protected:
  /// `stored`: of the parameters when loaded, at most; 0: any number.
  static void expect_same(const Make& make, std::uint64_t stored = 0) {
    const Answers known = answers(make, true, 21);
    const std::vector<Tensor>&made = known.outputs, wanted = answers(make, false, 21).outputs;
    ASSERT_EQ(made.size(), wanted.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
      ASSERT_EQ(made[i].shape, wanted[i].shape);
      const auto left = made[i].elements<float>(), right = wanted[i].elements<float>();
      for (std::size_t k = 0; k < left.size(); ++k)
        ASSERT_NEAR(left[k], right[k], 1e-4 * (1 + std::abs(right[k]))) << "at " << k;
    }
    if (stored != 0) {
      EXPECT_LE(known.parameter_bytes, stored);
    }
  }
  void expect_recognised(const Make& make, const std::vector<std::string>& wanted) {
    EXPECT_THAT(recognised(make), ElementsAreArray(wanted));
    expect_same(make);
  }
};

struct Stored {
  DataType type = DataType::Int8;
  unsigned mask = 255, less = 0;
  std::int64_t block = 0;
  bool turned = false;
  std::optional<int> zero = std::nullopt;
};

/// x [rows, inner] times a matrix of that kind: p.
void multiplied(Quantised& q, const Stored& stored, std::int64_t rows, std::int64_t inner,
                std::int64_t columns) {
  q.input("x", {rows, inner});
  const Shape shape = stored.turned ? Shape{columns, inner} : Shape{inner, columns};
  q.numbers("w", shape, stored.type, stored.mask, stored.less);
  const std::int64_t blocks = stored.block == 0 ? 1 : (inner + stored.block - 1) / stored.block;
  Shape scales{columns};
  if (stored.block != 0) scales = stored.turned ? Shape{columns, blocks} : Shape{blocks, columns};
  q.scales("w-s", scales);
  std::vector<std::string> inputs{"w", "w-s"};
  if (stored.zero) {
    q.graph().initializer("w-z", stored.type, scales,
                          std::vector<std::uint8_t>(byte_count(stored.type, scales).value(),
                                                    static_cast<std::uint8_t>(*stored.zero)));
    inputs.emplace_back("w-z");
  }
  const bool along_rows = stored.block != 0;
  q.add(node("DequantizeLinear", inputs, {"w-f"},
             {int_attribute("axis", along_rows == stored.turned ? 1 : 0),
              int_attribute("block_size", stored.block)}));
  if (stored.turned)
    q.add(node("Gemm", {"x", "w-f"}, {"p"}, {int_attribute("transB", 1)}));
  else
    q.add(node("MatMul", {"x", "w-f"}, {"p"}));
}

TEST_F(StoredWeights, AnswerAsTheFloatsThatTheyStandFor) {
  for (const Stored& stored :
       {Stored{}, Stored{.mask = 15, .less = 8}, Stored{.block = 16}, Stored{.turned = true},
        Stored{.mask = 15, .less = 8, .block = 32}, Stored{.block = 32, .turned = true},
        Stored{.mask = 15, .less = 8, .block = 5}, Stored{.block = 7},
        Stored{.type = DataType::UInt8, .mask = 15, .zero = 8},
        Stored{.type = DataType::UInt8, .zero = 128},
        Stored{.type = DataType::UInt8, .mask = 15, .block = 16, .turned = true, .zero = 3},
        Stored{.type = DataType::Int4}, Stored{.type = DataType::Int4, .block = 32},
        Stored{.type = DataType::Int4, .block = 5, .turned = true},
        Stored{.type = DataType::UInt4, .block = 16, .zero = 0x88},
        Stored{.type = DataType::UInt4, .turned = true, .zero = 0x31},
        Stored{.type = DataType::Int4, .block = 7, .zero = 0x2e}}) {
    for (const std::int64_t rows : {0, 1, 3, 4, 9}) {
      for (const auto& [inner, columns] : {std::pair{33, 17}, {64, 64}, {80, 200}}) {
        SCOPED_TRACE(::testing::Message() << rows << " " << inner << " " << columns << " block "
                                          << stored.block << " turned " << stored.turned);
        const Make make = [&, k = inner, n = columns](Quantised& q) {
          multiplied(q, stored, rows, k, n);
          q.add(node("Relu", {"p"}, {"y"})).output("y", 2, DataType::Float32);
        };
        if (rows > 0) {
          EXPECT_THAT(recognised(make), ElementsAreArray({"MatMul"}));
        }
        expect_same(make);
      }
    }
  }
}

TEST_F(StoredWeights, TakeAThirdOrLessOfTheMemory) {
  constexpr std::uint64_t kNumbers = 256 * 192, kScales = 192 * sizeof(float);
  for (const Stored& stored :
       {Stored{}, Stored{.mask = 15, .less = 8}, Stored{.type = DataType::Int4}}) {
    const Make make = [&](Quantised& q) {
      multiplied(q, stored, 1, 256, 192);
      q.add(node("Relu", {"p"}, {"y"})).output("y", 2, DataType::Float32);
    };
    expect_same(make,
                kNumbers / (stored.mask == 15 || stored.type == DataType::Int4 ? 2 : 1) + kScales);
  }
}

TEST_F(StoredWeights, TheirBiasTheirResidualAndTheirCurveAreDoneToo) {
  for (const std::int64_t rows : {1, 5}) {
    for (const Shape& other : {Shape{rows, 70}, Shape{2, 1, 70}}) {
      expect_recognised(
          [&](Quantised& q) {
            multiplied(q, {}, rows, 40, 70);
            q.bias("b", 70).input("r", other);
            q.add(node("Add", {"b", "p"}, {"pb"})).add(node("Add", {"pb", "r"}, {"s"}));
            q.add(node("HardSwish", {"s"}, {"y"})).output("y", other.size(), DataType::Float32);
          },
          {"MatMul"});
    }
  }
}

struct NearMiss {
  const char* name;
  Make make;
};

class StoredNearMisses : public StoredWeights, public ::testing::WithParamInterface<NearMiss> {};

// What is left as floats is folded into parameters, or stays written.
TEST_P(StoredNearMisses, AreFloats) {
  Quantised quantised(true);
  GetParam().make(quantised);
  const auto model = load(quantised.graph().payload(21));
  ASSERT_TRUE(model.ok()) << model.error();
  EXPECT_GE((*model)->parameter_bytes(), 20 * 24 * sizeof(float));
  expect_same(GetParam().make);
}

Make with(const Message& dequantize, const Message& product, const Shape& scales,
          const std::vector<std::uint8_t>& zeros = {}) {
  return [=](Quantised& q) {
    q.input("x", {3, 20}).numbers("w", {20, 24}, DataType::Int8).scales("s", scales);
    if (!zeros.empty()) q.graph().initializer("z", DataType::Int8, scales, zeros);
    q.graph().random_weights("c", {3, 24}, 1, q.random());
    q.add(dequantize).add(product).output("y", 2, DataType::Float32);
  };
}

INSTANTIATE_TEST_SUITE_P(
    Graphs, StoredNearMisses,
    ::testing::Values(
        NearMiss{"ScalesAlongTheRows",
                 with(node("DequantizeLinear", {"w", "s"}, {"f"}, {int_attribute("axis", 0)}),
                      node("MatMul", {"x", "f"}, {"y"}), {20})},
        NearMiss{"BlocksAlongTheColumns",
                 with(node("DequantizeLinear", {"w", "s"}, {"f"},
                           {int_attribute("axis", 1), int_attribute("block_size", 8)}),
                      node("MatMul", {"x", "f"}, {"y"}), {20, 3})},
        NearMiss{"NumbersOfMoreThan8BitsLessTheirZero",
                 with(node("DequantizeLinear", {"w", "s", "z"}, {"f"}, {int_attribute("axis", 1)}),
                      node("MatMul", {"x", "f"}, {"y"}), {24}, std::vector<std::uint8_t>(24, 100))},
        NearMiss{"AScaledProduct",
                 with(node("DequantizeLinear", {"w", "s"}, {"f"}, {int_attribute("axis", 1)}),
                      node("Gemm", {"x", "f"}, {"y"}, {float_attribute("alpha", 2)}), {24})},
        NearMiss{"ASumThatIsNoBias",
                 with(node("DequantizeLinear", {"w", "s"}, {"f"}, {int_attribute("axis", 1)}),
                      node("Gemm", {"x", "f", "c"}, {"y"}), {24})}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(StoredWeights, RefuseAnInputThatDoesNotFit) {
  Quantised wrong(true);
  wrong.graph().input("x", {3, 41});
  wrong.numbers("w", {40, 70}, DataType::Int8).scales("w-s", {70});
  wrong.add(node("DequantizeLinear", {"w", "w-s"}, {"f"}, {int_attribute("axis", 1)}));
  wrong.add(node("MatMul", {"x", "f"}, {"y"})).output("y", 2, DataType::Float32);
  const auto model = load(wrong.graph().payload(21));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
  EXPECT_THAT(model.error().message, ::testing::HasSubstr("do not fit"));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
