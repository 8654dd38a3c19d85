// A table of floats that is there once: its rows to the last bit, and its head's answers as of a
// table of the head's own.
#include <gmock/gmock.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr std::int64_t kRows = 190, kWidth = 33;
constexpr std::uint64_t kTableBytes = kRows * kWidth * sizeof(float),
                        kPackedBytes = 192 * 48 * sizeof(float);

/// How a head is written, and what follows it.
enum class Head { Plain, Gemm, Biased, GemmWithBias, GemmWithSum, Bent, Added };

struct Case {
  const char* name;
  Head head = Head::Plain;
  Shape ids{3};
  DataType type = DataType::Int64;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

bool is_gemm(Head head) {
  return head == Head::Gemm || head == Head::GemmWithBias || head == Head::GemmWithSum;
}

/// Looks rows e up in "w" and multiplies them with the transpose of `table`.
GraphBuilder model_of(const Case& c, const std::string& table, const Shape& ids) {
  std::mt19937 random(4);
  GraphBuilder graph;
  Shape rows = ids, answers = ids;
  rows.push_back(kWidth);
  answers.push_back(kRows);
  graph.input("ids", ids, c.type).output("e", rows).output("y", answers);
  const std::vector<float> numbers = graph.random_weights("w", {kRows, kWidth}, 1, random);
  if (table != "w") graph.weights(table, {kRows, kWidth}, numbers);
  graph.random_weights("b", {kRows}, 1, random);
  graph.random_weights("c", {1}, 1, random);
  graph.add(node("Gather", {"w", "ids"}, {"e"}));
  if (is_gemm(c.head)) {
    std::vector<std::string> inputs{"e", table};
    if (c.head != Head::Gemm) inputs.emplace_back(c.head == Head::GemmWithBias ? "b" : "c");
    return graph.add(node("Gemm", inputs, {"y"}, {int_attribute("transB", 1)}));
  }
  graph.add(node("Transpose", {table}, {"t"}, {ints_attribute("perm", {1, 0})}));
  if (c.head == Head::Plain) return graph.add(node("MatMul", {"e", "t"}, {"y"}));
  graph.add(node("MatMul", {"e", "t"}, {"p"}));
  if (c.head == Head::Bent) return graph.add(node("Relu", {"p"}, {"y"}));
  if (c.head == Head::Biased) return graph.add(node("Add", {"p", "b"}, {"y"}));
  return graph.input("r", answers).add(node("Add", {"p", "r"}, {"y"}));
}

Tensor ids_of(const Shape& shape, DataType type) {
  constexpr std::array<std::int64_t, 6> kSome{-1, 64, -kRows, 189, 63, 0};
  std::vector<std::int64_t> wide;
  std::vector<std::int32_t> narrow;
  for (std::size_t i = 0; i < element_count(shape).value(); ++i) {
    wide.push_back(kSome[i % kSome.size()]);
    narrow.push_back(static_cast<std::int32_t>(wide.back()));
  }
  return type == DataType::Int64 ? tensor(shape, wide, type) : tensor(shape, narrow, type);
}

std::vector<Tensor> inputs_of(const Case& c, const Shape& shape) {
  std::vector<Tensor> inputs = one(ids_of(shape, c.type));
  std::mt19937 random(6);
  Shape answers = shape;
  answers.push_back(kRows);
  if (c.head == Head::Added) inputs.push_back(random_tensor(answers, random));
  return inputs;
}

class TableRows : public ::testing::TestWithParam<Case> {};

TEST_P(TableRows, AndProductsAreThoseOfTablesOfTheirOwn) {
  const Case& c = GetParam();
  const std::vector<Tensor> inputs = inputs_of(c, c.ids);
  for (const int threads : {1, 3}) {
    const auto shared = load(model_of(c, "w", c.ids), {.threads = threads}).value(),
               apart = load(model_of(c, "v", c.ids), {.threads = threads}).value();
    if (kernels::has_tiles()) {
      EXPECT_EQ(shared->parameter_bytes() + kTableBytes, apart->parameter_bytes());
    }
    for (int again = 0; again < 2; ++again) {
      const auto answers = shared->run(inputs), wanted = apart->run(inputs);
      ASSERT_TRUE(answers.ok()) << answers.error();
      for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ((*answers)[i].shape, (*wanted)[i].shape);
        EXPECT_EQ(elements_of<float>((*answers)[i]), elements_of<float>((*wanted)[i])) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TableRows,
    ::testing::Values(Case{"AMatrix"}, Case{"OneRow", Head::Plain, {1}},
                      Case{"AVector", Head::Plain, {}}, Case{"Batches", Head::Plain, {2, 3}},
                      Case{"ManyRows", Head::Plain, {40}}, Case{"NoRows", Head::Plain, {0}},
                      Case{"NarrowIndices", Head::Plain, {5}, DataType::Int32},
                      Case{"Gemm", Head::Gemm}, Case{"GemmOfOneRow", Head::Gemm, {1}},
                      Case{"GemmOfNarrowIndices", Head::Gemm, {7}, DataType::Int32},
                      Case{"ABias", Head::Biased}, Case{"ABiasOfOneRow", Head::Biased, {1}},
                      Case{"GemmWithBias", Head::GemmWithBias},
                      Case{"GemmWithSum", Head::GemmWithSum}, Case{"Bent", Head::Bent},
                      Case{"BentOneRow", Head::Bent, {1}}, Case{"Added", Head::Added},
                      Case{"AddedOneRow", Head::Added, {1}}),
    [](const auto& one) { return one.param.name; });

/// One table, two lookups and a head of either kind.
TEST(SharedTable, IsThereOnceForAllLookupsAndHeadsOfAnySize) {
  GraphBuilder graph;
  std::mt19937 random(4);
  graph.input("i", {-1}, DataType::Int64).input("k", {}, DataType::Int64);
  graph.output("e", {-1, kWidth}).output("f", {kWidth}).output("y", {-1, kRows});
  graph.output("z", {kRows});
  const std::vector<float> table = graph.random_weights("w", {kRows, kWidth}, 1, random);
  graph.add(node("Gather", {"w", "i"}, {"e"})).add(node("Gather", {"w", "k"}, {"f"}));
  graph.add(node("Gemm", {"e", "w"}, {"y"}, {int_attribute("transB", 1)}));
  graph.add(node("Transpose", {"w"}, {"t"})).add(node("MatMul", {"f", "t"}, {"z"}));
  const auto model = load(graph).value();
  for (const std::int64_t count : {1, 40, 0, 7, 1}) {
    const auto answers = model->run(
        tensors(ids_of({count}, DataType::Int64), tensor<std::int64_t>({}, {-3}, DataType::Int64)));
    ASSERT_TRUE(answers.ok()) << answers.error();
    EXPECT_EQ((*answers)[2].shape, (Shape{count, kRows}));
    EXPECT_THAT(elements_of<float>((*answers)[1]),
                ElementsAreArray(&table[187 * kWidth], std::size_t{kWidth}));
  }
  if (kernels::has_tiles()) {
    EXPECT_EQ(model->parameter_bytes(), kPackedBytes);
  }
}

TEST(SharedTable, IsThereOnceForOperatorsThatAreCalledOneByOne) {
  GraphBuilder graph;
  std::mt19937 random(4);
  graph.input("embed:i", {-1}, DataType::Int64).output("embed:e", {-1, kWidth});
  graph.input("head:x", {-1, kWidth}).output("head:y", {-1, kRows});
  const std::vector<float> table = graph.random_weights("w", {kRows, kWidth}, 1, random);
  graph.add(node("Gemm", {"head:x", "w"}, {"head:y"}, {int_attribute("transB", 1)}));
  graph.add(node("Gather", {"w", "embed:i"}, {"embed:e"}));
  const auto model = load(graph, {.by_operator = true}).value();
  const auto row =
      model->run_operator(0, one(tensor<std::int64_t>({1}, {-1}, DataType::Int64))).value();
  EXPECT_THAT(elements_of<float>(row[0]),
              ElementsAreArray(&table[189 * kWidth], std::size_t{kWidth}));
  const auto products = model->run_operator(1, row).value();
  float sum = 0;
  for (std::size_t i = 0; i < kWidth; ++i) sum += table[i] * table[189 * kWidth + i];
  EXPECT_NEAR(elements_of<float>(products[0])[0], sum, 1e-4);
  if (kernels::has_tiles()) {
    EXPECT_EQ(model->parameter_bytes(), kPackedBytes);
  }
}

TEST(SharedTable, RefusesRowsThatItDoesNotHave) {
  const Case c{"Outside"};
  for (const std::int64_t row : {kRows, -kRows - 1, std::int64_t{1} << 40}) {
    const auto model = load(model_of(c, "w", c.ids)).value();
    const auto outputs = model->run(one(tensor<std::int64_t>(c.ids, {0, row, 1}, DataType::Int64)));
    ASSERT_FALSE(outputs.ok());
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
    EXPECT_THAT(outputs.error().message, HasSubstr("is not among 190"));
    EXPECT_TRUE(model->run(one(ids_of(c.ids, c.type))).ok()) << "it answers others still";
  }
}

TEST(SharedTable, RefusesIndicesThatAreNone) {
  for (const DataType type : {DataType::Float32, DataType::Int8, DataType::Bool}) {
    const Case c{"Others", Head::Plain, {3}, type};
    const auto model = load(model_of(c, "w", c.ids));
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::Malformed);
    EXPECT_THAT(model.error().message, HasSubstr("wanted is INT64 or INT32"));
  }
}

TEST(SharedTable, RefusesInputsOfAnotherWidth) {
  GraphBuilder graph;
  graph.input("ids", {1}, DataType::Int64).input("x", {2, kWidth + 1});
  graph.output("e", {1, kWidth}).output("y", {2, kRows});
  graph.weights("w", {kRows, kWidth}, std::vector<float>(kRows * kWidth, 1));
  graph.add(node("Gather", {"w", "ids"}, {"e"}));
  graph.add(node("Gemm", {"x", "w"}, {"y"}, {int_attribute("transB", 1)}));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("[2, 34] and [33, 190] do not fit"));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
