#include "torchkeep/runtime/threads/patience.h"

#include <gtest/gtest.h>

namespace torchkeep::runtime {
namespace {

Patience after_vain_waits(int count) {
  Patience patience;
  for (int i = 0; i < count; ++i) patience.in_vain();
  return patience;
}

TEST(Patience, BeginsWithAsMuchAsThereIs) { EXPECT_EQ(Patience().looks(), Patience::kMostLooks); }

TEST(Patience, HalvesWhereLookingWasInVain) {
  EXPECT_EQ(after_vain_waits(1).looks(), Patience::kMostLooks / 2);
  EXPECT_EQ(after_vain_waits(2).looks(), Patience::kMostLooks / 4);
}

TEST(Patience, IsNeverLessThanTheFewestLooks) {
  for (int count = 0; count < 100; ++count) {
    EXPECT_GE(after_vain_waits(count).looks(), Patience::kFewestLooks) << count;
  }
  EXPECT_EQ(after_vain_waits(50 * (Patience::kWaitsToATry + 1)).looks(), Patience::kFewestLooks);
}

// Otherwise two that sleep for each other never find out that they need not.
TEST(Patience, TriesALongWaitAfterAFewShortOnesInVain) {
  Patience patience = after_vain_waits(50 * (Patience::kWaitsToATry + 1));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < Patience::kWaitsToATry; ++i) {
      EXPECT_EQ(patience.looks(), Patience::kFewestLooks);
      patience.in_vain();
    }
    EXPECT_EQ(patience.looks(), Patience::kTryLooks);
    patience.in_vain();
  }
}

TEST(Patience, GrowsToTwiceWhatWasWantedWhenATrySucceeds) {
  Patience patience = after_vain_waits(50 * (Patience::kWaitsToATry + 1) + Patience::kWaitsToATry);
  ASSERT_EQ(patience.looks(), Patience::kTryLooks);
  patience.found(1500);
  EXPECT_EQ(patience.looks(), 3000);
}

TEST(Patience, GrowsWithEachWaitThatLookingEnds) {
  Patience patience = after_vain_waits(3);
  patience.found(0);
  EXPECT_EQ(patience.looks(), Patience::kMostLooks / 4);
  for (int i = 0; i < 10; ++i) patience.found(0);
  EXPECT_EQ(patience.looks(), Patience::kMostLooks);
}

TEST(Patience, DoesNotTryAfterWaitsThatSucceededBetween) {
  Patience patience = after_vain_waits(50 * (Patience::kWaitsToATry + 1));
  for (int i = 0; i < 20; ++i) {
    for (int k = 1; k < Patience::kWaitsToATry; ++k) patience.in_vain();
    EXPECT_LT(patience.looks(), Patience::kTryLooks);
    patience.found(1);
    patience.in_vain();
    patience.found(1);
  }
}

}  // namespace
}  // namespace torchkeep::runtime
