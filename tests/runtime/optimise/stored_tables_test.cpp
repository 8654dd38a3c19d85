// Tables that lookups take rows of, as small as they are stored: what is recognised, what must not
// be, and answers as of the floats that the standard makes of them.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/runtime/optimise/quantised_graph.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAreArray;

struct Stored {
  const char* name;
  DataType type = DataType::Int8;
  unsigned mask = 255, less = 0;
  std::int64_t block = 0;
  std::optional<int> zero = std::nullopt;
  std::int64_t rows = 70, width = 33;
};
void PrintTo(const Stored& stored, std::ostream* out) { *out << stored.name; }

/// e: the rows of w-f, a table of that kind, that `which` names.
void looked_up(Quantised& q, const Stored& stored, const Shape& shape,
               const std::vector<std::int64_t>& which) {
  q.graph().input("i", shape, DataType::Int64);
  q.inputs().push_back(tensor<std::int64_t>(shape, which, DataType::Int64));
  q.numbers("w", {stored.rows, stored.width}, stored.type, stored.mask, stored.less);
  Shape scales{stored.rows};
  if (stored.block != 0) scales.push_back((stored.width + stored.block - 1) / stored.block);
  q.scales("w-s", scales);
  std::vector<std::string> inputs{"w", "w-s"};
  if (stored.zero) {
    q.graph().initializer("w-z", stored.type, scales,
                          std::vector<std::uint8_t>(element_count(scales).value(),
                                                    static_cast<std::uint8_t>(*stored.zero)));
    inputs.emplace_back("w-z");
  }
  q.add(node("DequantizeLinear", inputs, {"w-f"},
             {int_attribute("axis", stored.block == 0 ? 0 : 1),
              int_attribute("block_size", stored.block)}));
  q.add(node("Gather", {"w-f", "i"}, {"e"}));
}

class StoredTables : public QuantisedModels, public ::testing::WithParamInterface<Stored> {
 protected:
  static void expect_same(const Make& make, std::uint64_t stored = 0) {
    const Answers known = answers(make, true, 21), wanted = answers(make, false, 21);
    ASSERT_EQ(known.outputs.size(), wanted.outputs.size());
    for (std::size_t i = 0; i < wanted.outputs.size(); ++i) {
      ASSERT_EQ(known.outputs[i].shape, wanted.outputs[i].shape);
      const auto left = known.outputs[i].elements<float>(),
                 right = wanted.outputs[i].elements<float>();
      for (std::size_t k = 0; k < left.size(); ++k)
        ASSERT_NEAR(left[k], right[k], 1e-4 * (1 + std::abs(right[k]))) << "at " << k;
    }
    if (stored != 0) {
      EXPECT_LE(known.parameter_bytes, stored);
    }
  }
};

TEST_P(StoredTables, AnswerAsTheFloatsThatTheyStandFor) {
  const Make make = [&](Quantised& q) {
    looked_up(q, GetParam(), {2, 3}, {0, 69, -1, 17, -70, 64});
    q.output("e", 3, DataType::Float32);
  };
  EXPECT_THAT(recognised(make), ElementsAreArray({"Gather"}));
  expect_same(make);
}

TEST_P(StoredTables, AreThereOnceForTheLookupAndTheHead) {
  for (const bool is_gemm : {false, true}) {
    const Make make = [&](Quantised& q) {
      looked_up(q, GetParam(), {3}, {5, 66, 1});
      q.output("y", 2, DataType::Float32);
      if (is_gemm) {
        q.bias("b", GetParam().rows);
        q.add(node("Gemm", {"e", "w-f", "b"}, {"y"}, {int_attribute("transB", 1)}));
      } else {
        q.add(node("Transpose", {"w-f"}, {"w-t"}));
        q.add(node("MatMul", {"e", "w-t"}, {"y"}));
      }
    };
    EXPECT_THAT(recognised(make), ElementsAreArray({"Gather", "MatMul"}));
    const Stored& stored = GetParam();
    const auto blocks =
        static_cast<std::uint64_t>(stored.block == 0 ? 1 : (33 + stored.block - 1) / stored.block);
    // Two panels of 64 columns; an odd row is padded.
    const std::uint64_t numbers = stored.mask == 15 ? 128 * (33 + blocks) / 2 : 128 * 33;
    expect_same(make, numbers + 128 * blocks * sizeof(float) + 70 * sizeof(float));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, StoredTables,
    ::testing::Values(Stored{"EightBits"}, Stored{.name = "FourBits", .mask = 15, .less = 8},
                      Stored{.name = "FourBitsByBlocks", .mask = 15, .less = 8, .block = 16},
                      Stored{.name = "OddBlocks", .mask = 15, .less = 8, .block = 5},
                      Stored{.name = "Blocks", .block = 7},
                      Stored{.name = "Unsigned", .type = DataType::UInt8, .zero = 128}),
    [](const auto& one) { return one.param.name; });

TEST_F(StoredTables, ThatAreReadInAnotherWayStayFloats) {
  const Make columns = [](Quantised& q) {
    q.graph().input("i", {2}, DataType::Int64);
    q.inputs().push_back(tensor<std::int64_t>({2}, {3, 1}, DataType::Int64));
    q.weights("w", {70, 33}, 70, 0);
    q.add(node("Gather", {"w-f", "i"}, {"e"}, {int_attribute("axis", 1)}));
    q.output("e", 2, DataType::Float32);
  };
  EXPECT_THAT(recognised(columns), ElementsAreArray({"Gather"}));
  expect_same(columns);
  // Scales a column, which are no scales of rows.
  const Make others = [](Quantised& q) {
    q.graph().input("i", {2}, DataType::Int64);
    q.inputs().push_back(tensor<std::int64_t>({2}, {3, 1}, DataType::Int64));
    q.weights("w", {70, 33}, 33, 1);
    q.add(node("Gather", {"w-f", "i"}, {"e"})).output("e", 2, DataType::Float32);
  };
  expect_same(others);
}

TEST_F(StoredTables, RefuseRowsThatTheyDoNotHave) {
  for (const std::int64_t row : {70, -71}) {
    Quantised q(true);
    looked_up(q, {"Outside"}, {2}, {0, row});
    q.output("e", 2, DataType::Float32);
    const auto model = load(q.graph().payload(21), {.threads = 2});
    ASSERT_TRUE(model) << model.error();
    const auto outputs = (*model)->run(q.inputs());
    ASSERT_FALSE(outputs);
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
    EXPECT_THAT(outputs.error().message, ::testing::HasSubstr("is not among 70"));
  }
}

TEST_F(StoredTables, AGatherOfThreeInputsIsRefused) {
  GraphBuilder graph;
  graph.input("i", {1}, DataType::Int64).weights("w", {2, 1}, {1, 2}).weights("s", {1}, {1});
  graph.output("y", {-1, -1}).add(node("Gather", {"w", "i", "s"}, {"y"}));
  EXPECT_EQ(load(graph.payload(17)).error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
