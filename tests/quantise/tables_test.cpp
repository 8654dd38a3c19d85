// Embeddings: tables that lookups take rows of, and heads that share them.
#include "torchkeep/quantise/quantise.h"

#include "tests/quantise/quantise_case.h"

namespace torchkeep::quantise {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace testing;

/// Rows 0, 3 and the last of 200.
SampleMaker rows() {
  return [](const std::vector<runtime::Port>&) -> Result<Samples> {
    return Samples{1, [](std::size_t) -> Result<std::vector<Tensor>> {
                     return one(tensor<std::int64_t>({3}, {0, 3, -1}, DataType::Int64));
                   }};
  };
}

/// e: rows of a table of 200.
ModelFile lookups() {
  ModelFile file;
  file.input("ids", {-1}, DataType::Int64)
      .weights("words", {200, 32})
      .add(node("Gather", {"words", "ids"}, {"e"}));
  return file;
}

class QuantiseTables : public Quantise {
 protected:
  Report made(const ModelFile& file, int bits, double most) {
    const auto report = quantise(file, by(Way::Weights, bits), rows());
    EXPECT_TRUE(report.ok()) << report.error();
    if (!report.ok()) return {};
    for (const Difference& each : report->differences) EXPECT_LT(each.relative, most);
    return *report;
  }
  std::uint64_t bytes_in_memory() const {
    return runtime::Model::load_onnx(output_).value()->parameter_bytes();
  }
};

TEST_F(QuantiseTables, TakeAFractionOfTheFileAndOfTheMemory) {
  ModelFile file = lookups();
  file.output("e", {-1, 32});
  for (const auto& [bits, most] : {std::pair{8, 0.01}, {4, 0.15}}) {
    const Report report = made(file, bits, most);
    EXPECT_EQ(report.quantised, (std::map<std::string, std::size_t>{{"Gather", 1}}));
    EXPECT_LT(report.bytes_after, report.bytes_before / 2);
    EXPECT_LT(bytes_in_memory(), 256U * 32 * (bits == 8 ? 4U : 3U) / 3);
    EXPECT_THAT(operators(), Contains(Pair("DequantizeLinear", 1)));
  }
}

TEST_F(QuantiseTables, AreThereOnceForTheLookupAndTheHead) {
  const std::vector<float> numbers = [] {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> all(200 * 32);
    for (float& each : all) each = normal(random);
    return all;
  }();
  std::vector<float> turned(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) turned[i % 32 * 200 + i / 32] = numbers[i];
  const auto start = [&] {
    ModelFile file;
    file.input("ids", {-1}, DataType::Int64).output("y", {-1, 200});
    file.known("words", {200, 32}, numbers).add(node("Gather", {"words", "ids"}, {"e"}));
    return file;
  };
  ModelFile transposed = start(), copied = start(), gemm = start(), other = start();
  transposed.add(node("Transpose", {"words"}, {"t"})).add(node("MatMul", {"e", "t"}, {"y"}));
  copied.known("t", {32, 200}, turned).add(node("MatMul", {"e", "t"}, {"y"}));
  gemm.add(node("Gemm", {"e", "words"}, {"y"}, {int_attribute("transB", 1)}));
  for (const ModelFile* file : {&transposed, &copied, &gemm}) {
    for (const auto& [bits, most] : {std::pair{8, 0.02}, {4, 0.25}}) {
      const Report report = made(*file, bits, most);
      EXPECT_EQ(report.quantised.at("Gather"), 1U);
      EXPECT_EQ(report.quantised.size(), 2U);
      EXPECT_TRUE(report.left.empty());
      EXPECT_THAT(operators(), Contains(Pair("DequantizeLinear", 1)));
      EXPECT_LT(report.bytes_after, 200U * 32 * 4 / 2);
      EXPECT_LT(bytes_in_memory(), 256U * 32 * (bits == 8 ? 4U : 3U) / 3);
    }
  }
  turned[7] += 1;
  other.known("t", {32, 200}, turned).add(node("MatMul", {"e", "t"}, {"y"}));
  made(other, 8, 0.02);
  EXPECT_THAT(operators(), Contains(Pair("DequantizeLinear", 2)));
}

TEST_F(QuantiseTables, ThatSomethingElseReadsAreLeft) {
  ModelFile file = lookups();
  file.output("y", {-1, 32}).output("z", {-1, 32});
  file.weights("w", {32, 64}).weights("v", {64, 32});
  file.add(node("MatMul", {"e", "w"}, {"p"})).add(node("MatMul", {"p", "v"}, {"y"}));
  file.add(node("Relu", {"words"}, {"z"}));
  const Report report = made(file, 8, 0.05);
  EXPECT_FALSE(report.quantised.contains("Gather"));
  ASSERT_EQ(report.left.size(), 1U);
  EXPECT_EQ(report.left[0].op, "Gather");
  EXPECT_THAT(report.left[0].reason, HasSubstr("Relu"));
}

TEST_F(QuantiseTables, OfNoNumbersAreRefusedByName) {
  std::vector<float> numbers(200 * 32, 1);
  numbers[77] = std::numeric_limits<float>::infinity();
  ModelFile file;
  file.input("ids", {-1}, DataType::Int64).output("e", {-1, 32});
  file.known("words", {200, 32}, numbers).add(node("Gather", {"words", "ids"}, {"e"}));
  const auto report = quantise(file, by(Way::Weights), rows());
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::Malformed);
  EXPECT_THAT(report.error().message, HasSubstr("words"));
}

}  // namespace
}  // namespace torchkeep::quantise
