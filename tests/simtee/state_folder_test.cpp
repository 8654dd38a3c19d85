#include "torchkeep/simtee/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/fake_platform.h"
#include "tests/support/files.h"

namespace torchkeep::simtee {
namespace {

using simulator::Condition;

const TimePoint kNow = parse_rfc3339("2026-11-23T10:00:00Z").value();

unsigned mode_of(const Path& path) {
  struct stat status {};
  TORCHKEEP_CHECK(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

/// A folder in which a machine lives.
struct Home {
  testing::TemporaryFolder temporary;
  StateFolder folder{temporary / "state"};
  crypto::SystemRandom random;
  simulator::Machine machine = [this] {
    folder.make().value();
    return folder.load_or_create_machine(random, kNow).value();
  }();
};

TEST(StateFolder, KeepsAMachineToItself) {
  const Home home;
  EXPECT_EQ(mode_of(home.folder.path()), 0700U);
  EXPECT_EQ(mode_of(home.folder.path() / "machine"), 0600U);
  const auto chain =
      crypto::parse_pem_chain(load_file(home.folder.root_certificate(), 4096).value());
  ASSERT_TRUE(chain.ok()) << chain.error();
  EXPECT_EQ(chain->at(0).p256_point().value(), home.machine.root_key());
}

TEST(StateFolder, GivesTheSameMachineBack) {
  Home home;
  const auto again = home.folder.load_or_create_machine(home.random, kNow + std::chrono::days(1));
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->root_key(), home.machine.root_key());
  const attest::SgxEnclave enclave = testing::fake_enclave(1);
  EXPECT_TRUE(equal(again->sealing_key(enclave, "kek").expose(),
                    home.machine.sealing_key(enclave, "kek").expose()));
}

TEST(StateFolder, CompletesAStartThatWasCutOff) {
  Home home;
  std::filesystem::remove(home.folder.root_certificate());
  ASSERT_TRUE(home.folder.load_or_create_machine(home.random, kNow).ok());
  EXPECT_TRUE(std::filesystem::exists(home.folder.root_certificate()));
}

TEST(StateFolder, HoldsAConditionThatCountsAtTheNextLoad) {
  const Home home;
  EXPECT_EQ(home.folder.load_condition().value(), Condition::Good);
  for (const Condition condition : {Condition::TcbOutOfDate, Condition::PckRevoked,
                                    Condition::CollateralExpired, Condition::Good}) {
    ASSERT_TRUE(home.folder.store_condition(condition).ok());
    EXPECT_EQ(home.folder.load_condition().value(), condition);
    EXPECT_EQ(home.folder.load_machine().value().condition(), condition);
    EXPECT_EQ(parse_condition(name_of(condition)).value(), condition);
  }
}

TEST(StateFolder, SaysThatNoMachineLivesThere) {
  const testing::TemporaryFolder temporary;
  const StateFolder folder(temporary / "none");
  EXPECT_EQ(folder.load_machine().error().code, ErrorCode::NotFound);
  EXPECT_EQ(folder.store_condition(Condition::Good).error().code, ErrorCode::NotFound);
}

TEST(StateFolder, RefusesDamagedFilesAndUnknownWords) {
  Home home;
  EXPECT_EQ(parse_condition("Good").error().code, ErrorCode::InvalidArgument);
  store_file(home.folder.path() / "condition", as_bytes("bad")).value();
  EXPECT_FALSE(home.folder.load_machine().ok());
  ASSERT_TRUE(std::filesystem::remove(home.folder.path() / "condition"));
  store_file(home.folder.path() / "machine", as_bytes("TKSM"), 0600).value();
  EXPECT_EQ(home.folder.load_machine().error().code, ErrorCode::Malformed);
  // A damaged machine is never replaced by a new one: its keys may still be saved.
  EXPECT_EQ(home.folder.load_or_create_machine(home.random, kNow).error().code,
            ErrorCode::Malformed);
}

TEST(StateFolder, CannotBeMadeUnderAFile) {
  const testing::TemporaryFolder temporary;
  store_file(temporary / "file", as_bytes("x")).value();
  EXPECT_EQ(StateFolder(temporary / "file/state").make().error().code, ErrorCode::Unavailable);
}

TEST(StateLock, IsHeldByOneAtATime) {
  const Home home;
  {
    const auto first = StateLock::take(home.folder);
    ASSERT_TRUE(first.ok()) << first.error();
    EXPECT_EQ(StateLock::take(home.folder).error().code, ErrorCode::Unavailable);
  }
  EXPECT_TRUE(StateLock::take(home.folder).ok());
}

}  // namespace
}  // namespace torchkeep::simtee
