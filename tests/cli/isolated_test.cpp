#include "torchkeep/cli/isolated.h"

#include <csignal>
#include <stdexcept>

#include <gmock/gmock.h>
#include <unistd.h>

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
constexpr std::chrono::seconds kLong{60};

TEST(Isolated, AnswersOfAnyLengthComeBack) {
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(run_isolated([&] { return large; }, kLong).value(), large);
  EXPECT_EQ(run_isolated([] { return std::string(); }, kLong).value(), "");
}

TEST(Isolated, ACrashIsAnErrorAndNothingElse) {
  const auto killed = run_isolated(
      []() -> std::string {
        std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would take it
        raise(SIGSEGV);
        return "";
      },
      kLong);
  ASSERT_FALSE(killed.ok());
  EXPECT_EQ(killed.error().code, ErrorCode::Internal);
  EXPECT_THAT(killed.error().message, HasSubstr("Segmentation"));
}

TEST(Isolated, AnEarlyEndIsAnError) {
  const auto ended = run_isolated([]() -> std::string { _exit(0x11); }, kLong);
  ASSERT_FALSE(ended.ok());
  EXPECT_THAT(ended.error().message, HasSubstr("without an answer"));
}

TEST(Isolated, AnExceptionIsAnError) {
  const auto thrown = run_isolated([]() -> std::string { throw std::runtime_error("why"); }, kLong);
  ASSERT_FALSE(thrown.ok());
  EXPECT_THAT(thrown.error().message, HasSubstr("why"));
}

TEST(Isolated, WhatTakesTooLongIsEnded) {
  const auto slow = run_isolated(
      []() -> std::string {
        while (true) pause();
      },
      std::chrono::seconds(1));
  ASSERT_FALSE(slow.ok());
  EXPECT_THAT(slow.error().message, HasSubstr("1 seconds"));
}

}  // namespace
}  // namespace torchkeep::cli
