// What the address sanitizer is told of the arena; without it there is nothing to see.
#include "torchkeep/runtime/plan/guard.h"

#include <gtest/gtest.h>

#include "torchkeep/runtime/plan/arena.h"

namespace torchkeep::runtime::plan {
namespace {

/// Two buffers of 20 and 64 bytes beside each other, and steps that name one or both.
class GuardDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kPoisons) GTEST_SKIP() << "the address sanitizer sees it";
    std::vector<Lifetime> lifetimes;
    for (const Buffer& buffer : buffers_) lifetimes.push_back({buffer.bytes + kRedZoneBytes, 0, 2});
    const ArenaLayout layout = lay_out(lifetimes);
    for (std::size_t i = 0; i < buffers_.size(); ++i) buffers_[i].offset = layout.offsets[i];
    arena_ = SecretBytes(layout.bytes);
  }
  std::uint8_t* start(BufferId id) { return arena_.expose().data() + buffers_[id].offset; }

  std::vector<Buffer> buffers_{{Buffer::Place::Arena, 20, 0, nullptr, nullptr},
                               {Buffer::Place::Arena, 64, 0, nullptr, nullptr}};
  const Step first_{{0}, nullptr, nullptr, "", 0}, both_{{0, 1}, nullptr, nullptr, "", 0};
  SecretBytes arena_;
};

/// As code that is not instrumented writes.
__attribute__((no_sanitize_address)) void write_unseen(volatile std::uint8_t* place) {
  *place = 0;
}

TEST_F(GuardDeathTest, AStepTouchesWhatItNamedAndNothingElse) {
  ArenaGuard guard(buffers_, arena_.expose(), {});
  guard.open(first_);
  start(0)[19] = 1;
  EXPECT_DEATH(start(0)[20] = 1, "use-after-poison");
  EXPECT_DEATH(start(1)[0] = 1, "use-after-poison");
  guard.close(first_);
  EXPECT_DEATH(start(0)[0] = 1, "use-after-poison") << "its step is over";
  guard.open(both_);
  EXPECT_EQ(start(0)[19], 1) << "what one step wrote the next one finds";
  start(1)[63] = 1;
  EXPECT_DEATH(start(1)[64] = 1, "use-after-poison");
  guard.close(both_);
}

TEST_F(GuardDeathTest, WhatIsWrittenBehindABufferUnseenEndsTheProcess) {
  const auto run = [&] {
    ArenaGuard guard(buffers_, arena_.expose(), {});
    guard.open(both_);
    write_unseen(start(1) + 64);
    guard.close(both_);
  };
  EXPECT_DEATH(run(), "");
}

TEST_F(GuardDeathTest, WhatNobodyWroteHoldsNoZeros) {
  std::vector<Tensor> outputs;
  outputs.emplace_back(DataType::UInt8, Shape{3}, SecretBuffer{1, 2, 3});
  ArenaGuard guard(buffers_, arena_.expose(), outputs);
  guard.open(first_);
  EXPECT_EQ(start(0)[0], kUnwritten);
  EXPECT_EQ(outputs[0].data[2], kUnwritten);
  guard.close(first_);
}

TEST_F(GuardDeathTest, BehindARunTheArenaIsAnybodys) {
  {
    ArenaGuard guard(buffers_, arena_.expose(), {});
    guard.open(both_);
  }
  for (std::uint8_t& byte : arena_.expose()) byte = 0;
  EXPECT_EQ(start(1)[64], 0);
}

}  // namespace
}  // namespace torchkeep::runtime::plan
