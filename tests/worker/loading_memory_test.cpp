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

/// x times one matrix, whose element i is i % 251.
Bytes head_payload() {
  runtime::testing::GraphBuilder graph;
  graph.input("x", {1, kInner}).output("y", {1, kColumns});
  graph.external("w", DataType::Float32, {kInner, kColumns}, 0, kMatrixBytes);
  graph.add(runtime::testing::node("MatMul", {"x", "w"}, {"y"}));
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

TEST(LoadingMemory, IsTheParametersAndALittle) {
  Protected one{head_payload()};
  one.write();
  one.payload = {};
  std::unique_ptr<Engine> engine;
  const auto peak = torchkeep::testing::peak_growth([&] { engine = one.load(2).value(); });
  const std::vector<runtime::Tensor> inputs =
      runtime::testing::one(runtime::testing::tensor({1, kInner}, std::vector<float>(kInner, 1)));
  const auto answer = engine->run(inputs).value();
  const std::span<const float> sums = answer[0].elements<float>();
  for (const std::int64_t column : {std::int64_t{0}, kColumns / 2, kColumns - 1}) {
    float sum = 0;  // of whole numbers, exact in any order
    for (std::int64_t i = 0; i < kInner; ++i)
      sum += static_cast<float>((i * kColumns + column) % 251);
    EXPECT_EQ(sums[static_cast<std::size_t>(column)], sum) << column;
  }
  if (!peak || !runtime::kernels::has_tiles())
    GTEST_SKIP() << "resident memory says nothing here, or oneDNN packs at once";
  EXPECT_LT(*peak, engine->parameter_bytes() * 115 / 100 + (std::uint64_t{64} << 20));
}

}  // namespace
}  // namespace torchkeep::worker::testing
