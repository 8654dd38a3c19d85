// What loading a container takes beside the model's parameters: decrypting and packing together.
#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/graph_builder.h"
#include "tests/support/resident_memory.h"
#include "tests/worker/protected.h"

namespace torchkeep::worker::testing {
namespace {

using runtime::DataType;

constexpr std::int64_t kInner = 1024, kColumns = 24 * 1024;
constexpr std::uint64_t kMatrixBytes = kInner * kColumns * sizeof(float);  // 96 MiB

/// x times one matrix, whose element i is i % 251. `tied`: it is written turned over, and a table
/// of which a row is looked up.
Bytes head_payload(bool tied) {
  using runtime::testing::node;
  runtime::testing::GraphBuilder graph;
  graph.input("x", {1, kInner}).output("y", {1, kColumns});
  const runtime::Shape shape =
      tied ? runtime::Shape{kColumns, kInner} : runtime::Shape{kInner, kColumns};
  graph.external("w", DataType::Float32, shape, 0, kMatrixBytes);
  if (tied) {
    graph.input("id", {1}, DataType::Int64).output("e", {1, kInner});
    graph.add(node("Gather", {"w", "id"}, {"e"})).add(node("Transpose", {"w"}, {"t"}));
  }
  graph.add(node("MatMul", {"x", tied ? "t" : "w"}, {"y"}));
  const SecretBuffer model = graph.model();
  const runtime::PayloadHeader header{model.size(), kMatrixBytes};
  Bytes payload = runtime::encode_payload_header(header);
  append(payload, model);
  const std::size_t start = payload.size() + header.padding_bytes();
  payload.resize(start + kMatrixBytes, 0);
  auto* element = reinterpret_cast<float*>(payload.data() + start);
  for (std::int64_t i = 0; i < kInner * kColumns; ++i) element[i] = static_cast<float>(i % 251);
  return payload;
}

class LoadingMemory : public ::testing::TestWithParam<bool> {};

TEST_P(LoadingMemory, IsTheParametersAndALittle) {
  const bool tied = GetParam();
  Protected one{head_payload(tied)};
  one.write();
  one.payload = {};
  std::unique_ptr<Engine> engine;
  const auto peak = torchkeep::testing::peak_growth([&] { engine = one.load(2).value(); });
  std::vector<runtime::Tensor> inputs =
      runtime::testing::one(runtime::testing::tensor({1, kInner}, std::vector<float>(kInner, 1)));
  if (tied) inputs.push_back(runtime::testing::tensor<std::int64_t>({1}, {-1}, DataType::Int64));
  const auto answer = engine->run(inputs).value();
  const std::span<const float> sums = answer[0].elements<float>();
  for (const std::int64_t column : {std::int64_t{0}, kColumns / 2, kColumns - 1}) {
    float sum = 0;  // of whole numbers, exact in any order
    for (std::int64_t i = 0; i < kInner; ++i)
      sum += static_cast<float>((tied ? column * kInner + i : i * kColumns + column) % 251);
    EXPECT_EQ(sums[static_cast<std::size_t>(column)], sum) << column;
  }
  for (std::int64_t i = 0; tied && i < kInner; ++i)
    ASSERT_EQ(answer[1].elements<float>()[static_cast<std::size_t>(i)],
              static_cast<float>(((kColumns - 1) * kInner + i) % 251));
  if (!peak || !runtime::kernels::has_tiles())
    GTEST_SKIP() << "resident memory says nothing here, or oneDNN packs at once";
  EXPECT_EQ(engine->parameter_bytes(), kMatrixBytes);
  EXPECT_LT(*peak, kMatrixBytes * 115 / 100 + (std::uint64_t{64} << 20));
}

INSTANTIATE_TEST_SUITE_P(, LoadingMemory, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "OfATiedTable" : "OfAHead"; });

}  // namespace
}  // namespace torchkeep::worker::testing
