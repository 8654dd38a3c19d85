#include "torchkeep/runtime/memory_rate.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <new>

#include "torchkeep/base/check.h"
#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"
#include "torchkeep/runtime/threads/pool.h"

namespace torchkeep::runtime {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 30;  // several times the largest caches
constexpr std::size_t kBlockWords = 4096;
constexpr int kRepetitions = 5;

std::uint64_t sum_of(const std::uint64_t* words) {
  std::array<std::uint64_t, 16> sums{};
  for (std::size_t i = 0; i < kBlockWords; i += sums.size())
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += words[i + lane];
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : sums) sum += lane;
  return sum;
}

}  // namespace

Result<double> measure_memory_rate(int threads) {
  try {
    SecretBytes memory(kBytes);
    Pool pool(threads);
    const Pool::Run run(pool);
    auto* words = reinterpret_cast<std::uint64_t*>(memory.expose().data());
    const std::size_t blocks = kBytes / sizeof(std::uint64_t) / kBlockWords;
    std::atomic<std::uint64_t> all{0};  // so that the reading is no use to leave out
    pool.parallel_for(blocks, 1, [&](std::size_t begin, std::size_t end) {
      std::fill(words + begin * kBlockWords, words + end * kBlockWords, 1);
    });
    double fastest = 1e9;
    for (int i = 0; i < kRepetitions; ++i) {
      const auto start = std::chrono::steady_clock::now();
      pool.parallel_for(blocks, 1, [&](std::size_t begin, std::size_t end) {
        std::uint64_t sum = 0;
        for (std::size_t block = begin; block < end; ++block)
          sum += sum_of(words + block * kBlockWords);
        all += sum;
      });
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      fastest = std::min(fastest, took.count());
    }
    TORCHKEEP_CHECK(all == kRepetitions * kBytes / sizeof(std::uint64_t));
    return static_cast<double>(kBytes) / fastest;
  } catch (const std::bad_alloc&) {
    return unavailable("no memory to measure with");
  }
}

}  // namespace torchkeep::runtime
