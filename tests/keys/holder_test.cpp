#include <gtest/gtest.h>

#include "torchkeep/crypto/digest.h"

#include "tests/support/fake_claims.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_owner.h"

// Appraising who may hold a key: the role's own list, and the policy's dates.
namespace torchkeep::keys {
namespace {

class Holders : public ::testing::Test {
 protected:
  attest::Claims claims(std::uint8_t name) const {
    return testing::fake_claims(machine, testing::fake_enclave(name), clock.now());
  }
  Result<void> appraise(HolderRole role, std::uint8_t name) const {
    return appraise_holder(policy, role, claims(name), clock.now());
  }
  testing::FakeClock clock;
  crypto::SystemRandom random;
  simulator::Machine machine = simulator::Machine::create(random, clock.now());
  Policy policy = testing::fake_policy(crypto::sha256(machine.root_key()));
};

TEST_F(Holders, AreThoseOfTheirOwnList) {
  const std::pair<HolderRole, std::uint8_t> listed[] = {
      {HolderRole::KeyServer, testing::kFakeKeyServer},
      {HolderRole::Cache, testing::kFakeKeyCache},
      {HolderRole::Worker, testing::kFakeWorker}};
  for (const auto& [role, enclave] : listed) {
    for (const auto& [other, name] : listed) {
      const auto appraised = appraise(role, name);
      EXPECT_EQ(appraised.ok(), role == other);
      if (role != other) {
        EXPECT_EQ(appraised.error().code, ErrorCode::Denied);
      }
    }
  }
}

TEST_F(Holders, AreNamedByTheirListInARefusal) {
  EXPECT_NE(appraise(HolderRole::KeyServer, 1).error().message.find("keyservers"),
            std::string::npos);
  EXPECT_NE(appraise(HolderRole::Cache, 1).error().message.find("caches"), std::string::npos);
  EXPECT_NE(appraise(HolderRole::Worker, 1).error().message.find("workers"), std::string::npos);
}

TEST_F(Holders, WaitForThePolicyToBegin) {
  policy.not_before = clock.now() + std::chrono::seconds(1);
  const auto early = appraise(HolderRole::Worker, testing::kFakeWorker);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::Denied);
  EXPECT_EQ(early.error().message.find("clause not_before: found 2026-11-23T10:00:00Z, wanted"), 0u)
      << early.error();
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(appraise(HolderRole::Worker, testing::kFakeWorker));
}

TEST_F(Holders, EndWithThePolicy) {
  policy.not_after = clock.now() + std::chrono::seconds(1);
  EXPECT_TRUE(appraise(HolderRole::Worker, testing::kFakeWorker));
  clock.advance(std::chrono::seconds(1));
  const auto late = appraise(HolderRole::Worker, testing::kFakeWorker);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::Denied);
  EXPECT_NE(late.error().message.find("not_after"), std::string::npos) << late.error();
}

}  // namespace
}  // namespace torchkeep::keys
