#include "torchkeep/runtime/threads/pool.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

extern "C" {
void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags);
void GOMP_barrier();
int omp_get_max_threads();
int omp_get_num_threads();
int omp_get_thread_num();
int omp_in_parallel();
}

namespace torchkeep::runtime {
namespace {

TEST(Pool, RunsEachMemberOfATeamOnce) {
  for (const int threads : {1, 2, 5}) {
    Pool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int team = 1; team <= threads; ++team) {
      std::array<std::atomic<int>, 5> calls{};
      pool.run_team(
          team,
          [](void* data, int thread) {
            ++(*static_cast<std::array<std::atomic<int>, 5>*>(
                data))[static_cast<std::size_t>(thread)];
          },
          &calls);
      for (int i = 0; i < 5; ++i) EXPECT_EQ(calls[static_cast<std::size_t>(i)], i < team ? 1 : 0);
    }
  }
}

TEST(Pool, CoversEveryIndexOnce) {
  Pool pool(3);
  const Pool::Run run(pool);
  for (const std::size_t count : {0, 1, 2, 3, 10, 1000}) {
    for (const std::size_t grain : {0, 1, 7, 5000}) {
      std::vector<int> seen(count, 0);
      pool.parallel_for(count, grain, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) ++seen[i];
      });
      EXPECT_EQ(seen, std::vector<int>(count, 1));
    }
  }
}

TEST(Pool, ManyRunsInARowAllFinish) {
  Pool pool(2);
  long sum = 0;
  for (int round = 0; round < 100; ++round) {
    const Pool::Run run(pool);
    for (int i = 0; i < 20; ++i) {
      std::array<long, 2> parts{};
      pool.parallel_for(2, 1, [&](std::size_t begin, std::size_t) { parts[begin] = 1; });
      sum += parts[0] + parts[1];
    }
  }
  EXPECT_EQ(sum, 100 * 20 * 2);
}

TEST(Pool, DenormalsAreZeroWhileARunLasts) {
  volatile float tiny = 1e-39F;
  Pool pool(2);
  {
    const Pool::Run run(pool);
    EXPECT_EQ(tiny * 1.0F, 0.0F);
    std::array<float, 2> seen{1, 1};
    pool.parallel_for(2, 1, [&](std::size_t begin, std::size_t) { seen[begin] = tiny * 1.0F; });
    EXPECT_EQ(seen[0] + seen[1], 0.0F);
  }
  EXPECT_NE(tiny * 1.0F, 0.0F);
}

TEST(OpenMp, WithoutARunTheCallerIsAlone) {
  EXPECT_EQ(omp_get_max_threads(), 1);
  int calls = 0;
  GOMP_parallel([](void* data) { ++*static_cast<int*>(data); }, &calls, 4, 0);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(omp_in_parallel(), 0);
}

TEST(OpenMp, IsServedByThePoolOfTheRun) {
  Pool pool(3);
  const Pool::Run run(pool);
  EXPECT_EQ(omp_get_max_threads(), 3);
  struct Seen {
    std::array<std::atomic<int>, 3> numbers{};
    std::atomic<int> before{0}, wrong{0}, nested{0};
  } seen;
  const auto work = [](void* data) {
    Seen& all = *static_cast<Seen*>(data);
    ++all.numbers[static_cast<std::size_t>(omp_get_thread_num())];
    if (omp_get_num_threads() != 3 || omp_in_parallel() != 1) ++all.wrong;
    ++all.before;
    GOMP_barrier();
    if (all.before != 3) ++all.wrong;  // nobody passes before all have come
    GOMP_parallel([](void* inner) { ++*static_cast<std::atomic<int>*>(inner); }, &all.nested, 3, 0);
    GOMP_barrier();
  };
  GOMP_parallel(work, &seen, 0, 0);
  for (const auto& calls : seen.numbers) EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen.wrong, 0);
  EXPECT_EQ(seen.nested, 3) << "a region within a region runs on its own thread alone";
  EXPECT_EQ(omp_get_num_threads(), 1);
}

TEST(OpenMp, LibdnnlAsksForNothingThatThePoolDoesNotHave) {
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "r"), std::fclose);
  std::array<char, 4096> line{};
  std::string library;
  while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
    const std::string text = line.data();
    if (text.find("/libdnnl.so") != std::string::npos)
      library = text.substr(text.find('/'), text.find('\n') - text.find('/'));
  }
  ASSERT_FALSE(library.empty());
  const std::unique_ptr<FILE, int (*)(FILE*)> symbols(
      ::popen(("nm -D --undefined-only " + library).c_str(), "r"), ::pclose);
  std::set<std::string> wanted;
  while (std::fgets(line.data(), line.size(), symbols.get()) != nullptr) {
    std::string symbol = line.data();
    symbol = symbol.substr(symbol.rfind(' ') + 1);
    symbol = symbol.substr(0, symbol.find_first_of("@\n"));
    if (symbol.starts_with("omp_") || symbol.starts_with("GOMP_") || symbol.starts_with("__kmp"))
      wanted.insert(symbol);
  }
  EXPECT_THAT(wanted, ::testing::ElementsAre("GOMP_barrier", "GOMP_parallel", "omp_get_max_threads",
                                             "omp_get_num_threads", "omp_get_thread_num",
                                             "omp_in_parallel"));
}

}  // namespace
}  // namespace torchkeep::runtime
