#include <chrono>
#include <cstring>
#include <filesystem>

#include <benchmark/benchmark.h>

#include "torchkeep/container/internal/encryption.h"
#include "torchkeep/crypto/aead.h"
#include "torchkeep/crypto/digest.h"

#include "tests/container/sample.h"

/// Containers beside the bare algorithms, in the same run and on the same threads. `of_bare` is the
/// share of what one AES-256-GCM and one SHA-256 pass over the bytes would allow.
namespace torchkeep::container {
namespace {

using namespace testing;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t kPayloadBytes = std::uint64_t{256} << 20;
constexpr std::size_t kMessageBytes = std::size_t{1} << 20;

template <typename Work>
double seconds_of(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Seconds(std::chrono::steady_clock::now() - begin).count();
}

/// A folder in memory, so that it is not the disk that is measured.
class MemoryFolder {
 public:
  MemoryFolder() {
    std::string pattern = "/dev/shm/torchkeep-bench-XXXXXX";
    TORCHKEEP_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~MemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Path operator/(std::string_view name) const { return path_ / name; }

 private:
  Path path_;
};

/// What the file system takes for the same bytes, which no encryption can do without.
void BM_WriteOnly(benchmark::State& state) {
  const MemoryFolder folder;
  const Bytes block = sample_payload(8 * kMessageBytes);
  double best = 1e9;
  for (auto _ : state) {
    std::filesystem::remove(folder / "model");
    const double taken = seconds_of([&] {
      FileSink sink = FileSink::create(folder / "model").value();
      for (std::uint64_t at = 0; at < kPayloadBytes; at += block.size()) {
        TORCHKEEP_CHECK(sink.write(block).ok());
      }
      TORCHKEEP_CHECK(sink.commit().ok());
    });
    best = std::min(best, taken / double(kPayloadBytes));
    state.SetIterationTime(taken);
  }
  state.counters["best_GB/s"] = 1e-9 / best;
}
BENCHMARK(BM_WriteOnly)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(10);

/// Seconds a byte of both algorithms, one after the other, on messages of one MiB on all cores.
double bare_seconds(ThreadPool& pool, std::uint64_t bytes) {
  const std::size_t threads = pool.threads();
  const std::size_t each = std::size_t(bytes / kMessageBytes / threads);
  const Bytes message = sample_payload(kMessageBytes);
  std::vector<Bytes> out(threads, Bytes(kMessageBytes + crypto::kTagBytes));
  const double aes = seconds_of([&] {
    pool.parallel_for(threads, [&](std::size_t thread) {
      crypto::Aes256Gcm cipher(sample_key().expose());
      for (std::size_t i = 0; i < each; ++i) cipher.encrypt({}, {}, message, out[thread]);
    });
  });
  const double sha = seconds_of([&] {
    pool.parallel_for(threads, [&](std::size_t thread) {
      for (std::size_t i = 0; i < each; ++i) benchmark::DoNotOptimize(crypto::sha256(out[thread]));
    });
  });
  return (aes + sha) / double(each * threads * kMessageBytes);
}

/// The best of all rounds counts, of either: neighbours on the machine come and go. Bare passes are
/// made around each container, and `prepare` is not measured.
template <typename Prepare, typename Work>
void measure(benchmark::State& state, ThreadPool& pool, const Prepare& prepare, const Work& work) {
  double best = 1e9;
  double bare = 1e9;
  for (auto _ : state) {
    bare = std::min(bare, bare_seconds(pool, kPayloadBytes));
    prepare();
    const double taken = seconds_of(work);
    best = std::min(best, taken / double(kPayloadBytes));
    state.SetIterationTime(taken);
  }
  state.counters["best_GB/s"] = 1e-9 / best;
  state.counters["bare_GB/s"] = 1e-9 / bare;
  state.counters["of_bare"] = bare / best;
}

PayloadReader copy_of(ByteView payload) {
  return [payload](MutableByteView out) mutable -> Result<void> {
    std::memcpy(out.data(), payload.data(), out.size());
    payload = payload.subspan(out.size());
    return {};
  };
}

/// To a file: what the file system takes (BM_WriteOnly) comes on top of the encryption.
void BM_EncryptToFile(benchmark::State& state) {
  ThreadPool pool(usable_cores());
  const MemoryFolder folder;
  const Header header = sample_header(kPayloadBytes);
  const Bytes payload = sample_payload(std::size_t(kPayloadBytes));
  crypto::SystemRandom random;
  measure(
      state, pool, [&] { std::filesystem::remove(folder / "model"); },
      [&] {
        TORCHKEEP_CHECK(
            write_container(folder / "model", header, sample_key(), random, pool, copy_of(payload))
                .ok());
      });
}
BENCHMARK(BM_EncryptToFile)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(10);

/// The same encryption, whose bytes go nowhere.
void BM_Encrypt(benchmark::State& state) {
  ThreadPool pool(usable_cores());
  const Header header = sample_header(kPayloadBytes);
  const Bytes payload = sample_payload(std::size_t(kPayloadBytes));
  crypto::SystemRandom random;
  measure(
      state, pool, [] {},
      [&] {
        TORCHKEEP_CHECK(encrypt_container(header, sample_key(), random, pool, copy_of(payload), {},
                                          [](ByteView) { return Result<void>(); })
                            .ok());
      });
}
BENCHMARK(BM_Encrypt)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(10);

/// `state.range(0)` is how much a call asks for.
void BM_Decrypt(benchmark::State& state) {
  ThreadPool pool(usable_cores());
  const MemoryFolder folder;
  const Header header = sample_header(kPayloadBytes);
  const Expectation expected = expectation(header, write_sample(folder / "model", header, pool));
  SecretBytes memory(kPayloadBytes);
  std::memset(memory.expose().data(), 1, memory.size());  // so that pages are there
  measure(
      state, pool, [] {},
      [&] {
        Reader reader = Reader::open(folder / "model", sample_key(), expected, pool).value();
        for (std::uint64_t at = 0; at < kPayloadBytes;) {
          const auto size = std::min(std::size_t(state.range(0)), std::size_t(kPayloadBytes - at));
          TORCHKEEP_CHECK(reader.read_exactly(memory.expose().subspan(at, size)).ok());
          at += size;
        }
        TORCHKEEP_CHECK(reader.finish().ok());
      });
}
BENCHMARK(BM_Decrypt)
    ->Arg(64 << 10)
    ->Arg(3 << 20)
    ->Arg(kPayloadBytes)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(10);

}  // namespace
}  // namespace torchkeep::container
