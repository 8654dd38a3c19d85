// Pieces of work among threads of which some are slow.
#include "torchkeep/runtime/kernels/shares.h"

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torchkeep::runtime::kernels {
namespace {

std::vector<std::size_t> all_for(Shares& shares, std::size_t thread) {
  std::vector<std::size_t> taken;
  while (const auto piece = shares.take(thread)) taken.push_back(*piece);
  return taken;
}

TEST(Shares, OwnPiecesComeInOrderThenOthersFromTheirEnd) {
  Shares shares(2);
  shares.deal(6);
  EXPECT_THAT(all_for(shares, 0), ::testing::ElementsAre(0, 1, 2, 5, 4, 3));
  EXPECT_EQ(shares.take(1), std::nullopt);
}

TEST(Shares, ASlowThreadKeepsWhatItHasBegun) {
  Shares shares(2);
  shares.deal(6);
  EXPECT_EQ(shares.take(1), 3U);
  EXPECT_THAT(all_for(shares, 0), ::testing::ElementsAre(0, 1, 2, 5, 4));
}

TEST(Shares, SomeAreAtMostHalfOfWhatIsLeft) {
  using Some = Shares::Some;
  Shares shares(2);
  shares.deal(20);
  EXPECT_EQ(shares.take(0, 4), (Some{0, 4}));
  EXPECT_EQ(shares.take(0, 4), (Some{4, 7}));  // of six
  EXPECT_EQ(shares.take(0, 4), (Some{7, 9}));
  EXPECT_EQ(shares.take(0, 4), (Some{9, 10}));
  EXPECT_EQ(shares.take(0, 4), (Some{16, 20}));  // of the other's, from their end
  EXPECT_EQ(shares.take(1, 100), (Some{10, 13}));
  EXPECT_EQ(shares.take(0, 1), (Some{15, 16}));
  EXPECT_EQ(shares.take(1, 100), (Some{13, 14}));
  EXPECT_EQ(shares.take(1, 100), (Some{14, 15}));
  EXPECT_EQ(shares.take(1, 100), std::nullopt);
}

TEST(Shares, FewerPiecesThanThreads) {
  Shares shares(4);
  shares.deal(2);
  std::vector<std::size_t> taken = all_for(shares, 3);
  std::ranges::sort(taken);
  EXPECT_THAT(taken, ::testing::ElementsAre(0, 1));
  shares.deal(0);
  EXPECT_EQ(shares.take(0), std::nullopt);
}

TEST(Shares, AreDealtAnewForEachRun) {
  Shares shares(3);
  for (int run = 0; run < 2; ++run) {
    shares.deal(7);
    EXPECT_EQ(all_for(shares, 1).size(), 7U);
  }
}

TEST(Shares, EachPieceIsTakenOnce) {
  constexpr std::size_t kThreads = 4, kPieces = 20'000;
  Shares shares(kThreads);
  shares.deal(kPieces);
  std::vector<std::vector<std::size_t>> taken(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        // Some take one after the other, some several at once.
        while (const auto some = shares.take(t, 1 + t * t)) {
          for (std::size_t i = some->first; i < some->last; ++i) taken[t].push_back(i);
        }
      });
  }
  std::vector<std::size_t> all;
  for (const auto& some : taken) all.insert(all.end(), some.begin(), some.end());
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), kPieces);
  for (std::size_t i = 0; i < kPieces; ++i) ASSERT_EQ(all[i], i);
}

}  // namespace
}  // namespace torchkeep::runtime::kernels
