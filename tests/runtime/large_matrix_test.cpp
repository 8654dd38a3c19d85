// Models of which one matrix is all there is to them: memory never holds it twice, also where it is
// a table of embeddings that serves its head.
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/graph_builder.h"
#include "tests/support/resident_memory.h"

namespace torchkeep::runtime::testing {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::int64_t kInner = 1024, kColumns = 24 * 1024 + 7;  // 96 MiB
constexpr std::uint64_t kBytes = kInner * kColumns * sizeof(float);

enum class Written { Plain, Turned, Tied, ReadOtherwise };

/// x [1, kInner] times one matrix: row-major, or turned over, and then perhaps a table of which
/// rows are looked up, or columns, for which it stays as it is.
GraphBuilder head(Written written) {
  GraphBuilder graph;
  graph.input("x", {1, kInner}).output("y", {1, kColumns});
  if (written == Written::Plain) {
    graph.external("w", DataType::Float32, {kInner, kColumns}, 0, kBytes);
    return graph.add(node("MatMul", {"x", "w"}, {"y"}));
  }
  graph.external("w", DataType::Float32, {kColumns, kInner}, 0, kBytes);
  graph.add(node("Gemm", {"x", "w"}, {"y"}, {int_attribute("transB", 1)}));
  if (written == Written::Turned) return graph;
  const bool rows = written == Written::Tied;
  graph.input("id", {1}, DataType::Int64).output("e", rows ? Shape{1, kInner} : Shape{kColumns, 1});
  return graph.add(node("Gather", {"w", "id"}, {"e"}, {int_attribute("axis", rows ? 0 : 1)}));
}

/// At that place, counted from where it is turned over.
float number_at(std::int64_t row, std::int64_t column) {
  return static_cast<float>((row * 17 + column * 31) % 1009 - 504) * 1e-3F;
}

/// Writes the same matrix in either order.
void write_matrix(bool turned, MutableByteView to) {
  TORCHKEEP_CHECK(to.size() == kBytes);
  auto* next = reinterpret_cast<float*>(to.data());
  const std::int64_t rows = turned ? kColumns : kInner, columns = turned ? kInner : kColumns,
                     row_step = turned ? 17 : 31, column_step = turned ? 31 : 17;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t number = row * row_step % 1009;  // as number_at has it
    for (std::int64_t column = 0; column < columns; ++column, ++next) {
      *next = static_cast<float>(number - 504) * 1e-3F;
      number += column_step;
      if (number >= 1009) number -= 1009;
    }
  }
}

/// Loads it from a stream, so that the test itself holds no parameters.
Result<std::unique_ptr<Model>> load_head(Written written) {
  const SecretBuffer graph = head(written).model();
  const PayloadHeader header{graph.size(), kBytes};
  Bytes start = encode_payload_header(header);
  start.insert(start.end(), graph.begin(), graph.end());
  start.resize(start.size() + header.padding_bytes(), 0);
  ByteView left = start;
  return Model::load(
      [&](MutableByteView out) -> Result<void> {
        if (left.empty()) {
          write_matrix(written != Written::Plain, out);
          return {};
        }
        std::ranges::copy(left.first(out.size()), out.begin());
        left = left.subspan(out.size());
        return {};
      },
      header.total_bytes());
}

constexpr std::int64_t kLookedUp = 1000;

struct Loaded {
  std::vector<float> answer, looked_up;
  std::uint64_t parameter_bytes = 0;
  std::optional<std::uint64_t> peak;  // from before it is loaded until it is gone
};

Loaded load_and_run(Written written) {
  std::mt19937 random(5);
  std::vector<Tensor> inputs = one(random_tensor({1, kInner}, random));
  if (written == Written::Tied || written == Written::ReadOtherwise)
    inputs.push_back(tensor<std::int64_t>({1}, {kLookedUp}, DataType::Int64));
  Loaded loaded;
  loaded.peak = torchkeep::testing::peak_growth([&] {
    const auto model = load_head(written);
    ASSERT_TRUE(model.ok()) << model.error();
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    const auto answer = (*outputs)[0].elements<float>();
    loaded.answer.assign(answer.begin(), answer.end());
    if (written == Written::Tied) {
      const auto row = (*outputs)[1].elements<float>();
      loaded.looked_up.assign(row.begin(), row.end());
    }
    loaded.parameter_bytes = (*model)->parameter_bytes();
  });
  return loaded;
}

void expect_within_limit(const Loaded& loaded) {
  // Others have panels that oneDNN chooses, and pack at once.
  if (!loaded.peak || !kernels::has_tiles()) return;
  EXPECT_LT(*loaded.peak, loaded.parameter_bytes * 115 / 100 + 64 * kMegabyte);
}

TEST(LargeMatrix, IsNeverInMemoryTwiceAndAnswersAsWhenPackedAtOnce) {
  const Loaded twice = load_and_run(Written::ReadOtherwise);  // and so it is packed at once
  EXPECT_GE(twice.parameter_bytes, 2 * kBytes);
  expect_within_limit(twice);
  for (const Written written : {Written::Plain, Written::Turned, Written::Tied}) {
    const Loaded once = load_and_run(written);
    EXPECT_TRUE(once.answer == twice.answer) << static_cast<int>(written);
    if (written == Written::Tied && !kernels::has_tiles()) continue;  // twice, too
    EXPECT_LT(once.parameter_bytes, kBytes + kMegabyte);
    expect_within_limit(once);
  }
  if (!twice.peak) GTEST_SKIP() << "resident memory says nothing here";
}

TEST(LargeMatrix, IsATableWhoseRowsAreThoseThatItHad) {
  const Loaded tied = load_and_run(Written::Tied);
  ASSERT_EQ(tied.looked_up.size(), std::size_t{kInner});
  for (std::int64_t i = 0; i < kInner; ++i)
    ASSERT_EQ(tied.looked_up[static_cast<std::size_t>(i)], number_at(kLookedUp, i)) << i;
}

}  // namespace
}  // namespace torchkeep::runtime::testing
