#include "torchkeep/runtime/plan/arena.h"

#include <random>

#include <gtest/gtest.h>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime::plan {
namespace {

TEST(Arena, SharesMemoryOfWhatIsNeverAliveTogether) {
  // A chain: each value lives until the next is made, so two of them suffice.
  const ArenaLayout layout = lay_out({{640, 0, 1}, {640, 1, 2}, {640, 2, 3}, {640, 3, 4}});
  EXPECT_EQ(layout.bytes, 2 * 640u);
  EXPECT_EQ(layout.offsets[0], layout.offsets[2]);
}

TEST(Arena, OfNothingIsEmpty) { EXPECT_EQ(lay_out({}).bytes, 0u); }

TEST(Arena, NeverOverlapsWhatIsAliveTogether) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE(text("seed ", seed));
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Lifetime> lifetimes(1 + random() % 60);
    std::uint64_t sum = 0;
    for (Lifetime& lifetime : lifetimes) {
      lifetime.first = random() % 40;
      lifetime.last = lifetime.first + random() % 8;
      lifetime.bytes = random() % 5 == 0 ? 0 : random() % 10'000;
      sum += (lifetime.bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    }
    const ArenaLayout layout = lay_out(lifetimes);
    EXPECT_LE(layout.bytes, sum);
    for (std::size_t i = 0; i < lifetimes.size(); ++i) {
      EXPECT_EQ(layout.offsets[i] % kArenaAlignment, 0u);
      EXPECT_LE(layout.offsets[i] + lifetimes[i].bytes, layout.bytes);
      for (std::size_t k = 0; k < i; ++k) {
        const bool together =
            lifetimes[i].first <= lifetimes[k].last && lifetimes[k].first <= lifetimes[i].last;
        const bool apart = lifetimes[i].bytes == 0 || lifetimes[k].bytes == 0 ||
                           layout.offsets[i] + lifetimes[i].bytes <= layout.offsets[k] ||
                           layout.offsets[k] + lifetimes[k].bytes <= layout.offsets[i];
        EXPECT_TRUE(!together || apart) << i << " and " << k;
      }
    }
  }
}

}  // namespace
}  // namespace torchkeep::runtime::plan
