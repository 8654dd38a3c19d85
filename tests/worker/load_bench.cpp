#include <chrono>

#include <benchmark/benchmark.h>

#include "torchkeep/container/reader.h"

#include "tests/runtime/graph_builder.h"
#include "tests/worker/protected.h"

/// From ciphertext to a model that answers, beside what decrypting and hashing alone take in the
/// same run: below that no loading can be. Bytes are those of the parameters.
namespace torchkeep::worker {
namespace {

using testing::Protected;
using Seconds = std::chrono::duration<double>;

constexpr int kBlocks = 16;
constexpr std::int64_t kWidth = 768, kWide = 3072;

/// The matrices of a transformer of 450 MB, in the order in which it uses them.
Bytes transformer_payload() {
  runtime::testing::GraphBuilder graph;
  graph.input("x0", {1, kWidth}).output("out", {1, kWidth});
  std::string last = "x0";
  int made = 0;
  const auto multiply = [&](std::int64_t rows, std::int64_t columns) {
    const std::string weights = "w" + std::to_string(made), next = "x" + std::to_string(++made);
    std::vector<float> values(static_cast<std::size_t>(rows * columns));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<int>(i % 997) - 498) * 1e-5F;
    graph.weights(weights, {rows, columns}, values);
    graph.add(runtime::testing::node("MatMul", {last, weights}, {next}));
    last = next;
  };
  for (int block = 0; block < kBlocks; ++block) {
    for (int i = 0; i < 4; ++i) multiply(kWidth, kWidth);
    multiply(kWidth, kWide);
    multiply(kWide, kWidth);
  }
  graph.add(runtime::testing::node("Relu", {last}, {"out"}));
  return to_bytes(graph.payload());
}

Protected& model() {
  static Protected* const made = [] {
    setenv("TMPDIR", "/dev/shm", 1);  // it is not the disk that is measured
    static Protected one{transformer_payload()};
    one.write();
    one.payload = {};
    return &one;
  }();
  return *made;
}

void BM_DecryptAndHash(benchmark::State& state) {
  Protected& one = model();
  SecretBytes piece(std::size_t{64} << 20);
  for (auto _ : state) {
    const container::Expectation expected{one.owner.model(), 1, one.key().container_digest()};
    auto reader =
        container::Reader::open(one.place.container, one.data_key, expected, one.pool).value();
    for (std::uint64_t left = one.header.payload_bytes; left > 0;) {
      const std::uint64_t size = std::min<std::uint64_t>(left, piece.size());
      TORCHKEEP_CHECK(reader.read_exactly(piece.expose().first(size)).ok());
      left -= size;
    }
    TORCHKEEP_CHECK(reader.finish().ok());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(one.header.payload_bytes));
}
BENCHMARK(BM_DecryptAndHash)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(5);

void BM_Load(benchmark::State& state) {
  Protected& one = model();
  for (auto _ : state) {
    auto engine = one.load(static_cast<int>(one.pool.threads()));
    TORCHKEEP_CHECK(engine.ok());
    state.PauseTiming();  // a model's end, wiped, is not its load
    engine->reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(one.header.payload_bytes));
}
BENCHMARK(BM_Load)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(5);

}  // namespace
}  // namespace torchkeep::worker
