// How often the clock is read, which may leave an enclave, and that it is read often enough.
#include "torchkeep/runtime/deadline.h"

#include <thread>

#include <gtest/gtest.h>

namespace torchkeep::runtime {
namespace {

using namespace std::chrono_literals;

constexpr double kShare = Deadline::kWorkBetweenReadings / 4;

/// How many of `steps` the clock is read before, each of so much work.
int readings(int steps, double work) {
  Deadline deadline(1h);
  const int before = deadline.readings();
  for (int i = 0; i < steps; ++i) EXPECT_TRUE(deadline.check(work));
  return deadline.readings() - before;
}

TEST(Deadline, ReadsTheClockOnceInManySmallSteps) {
  EXPECT_EQ(readings(6400, 0), 100);
  EXPECT_EQ(readings(6400, 1000), 100);
}

TEST(Deadline, ReadsTheClockByTheWorkThatIsBegun) {
  EXPECT_EQ(readings(40, kShare), 9);  // before the 5th, the 9th, ... and the 37th
  EXPECT_EQ(readings(40, 2 * kShare), 19);
}

TEST(Deadline, ReadsTheClockBeforeEachLargeStepAndAfterIt) {
  EXPECT_EQ(readings(40, 5 * kShare), 40);
  Deadline deadline(1h);
  for (const double work : {0.0, 5 * kShare, 0.0, 0.0}) EXPECT_TRUE(deadline.check(work));
  EXPECT_EQ(deadline.readings(), 3);  // when the time began, and on both sides of the large one
}

TEST(Deadline, WithoutATimeNeverReadsTheClock) {
  Deadline none, zero(0ms);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(none.check(5 * kShare));
    EXPECT_TRUE(zero.check(5 * kShare));
  }
  EXPECT_EQ(none.readings() + zero.readings(), 0);
}

TEST(Deadline, OnceOverEndsAtTheNextReading) {
  Deadline deadline(1ms);
  std::this_thread::sleep_for(2ms);
  int begun = 0;
  while (begun < 1000 && deadline.check(0)) ++begun;
  EXPECT_EQ(begun, Deadline::kStepsBetweenReadings - 1);
  const auto refused = deadline.check(5 * kShare);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace torchkeep::runtime
