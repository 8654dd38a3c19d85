#include "torchkeep/simulator/machine.h"

#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/verify.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_platform.h"

namespace torchkeep::simulator {
namespace {

using attest::TcbStatus;

const TimePoint kNow = parse_rfc3339("2026-11-23T10:00:00Z").value();

Machine make_machine() {
  crypto::SystemRandom random;
  return Machine::create(random, kNow);
}

ByteArray<64> report_data() {
  ByteArray<64> out;
  out.fill(0x5a);
  return out;
}

Result<attest::Claims> verify(const Machine& machine, ByteView quote, TimePoint now = kNow) {
  const attest::RootKey roots[] = {machine.root_key()};
  return attest::verify_quote(quote, machine.collateral(now), roots, now);
}

TEST(Machine, MakesAQuoteThatVerifiesWithItsOwnCollateral) {
  const Machine machine = make_machine();
  attest::SgxEnclave enclave = testing::fake_enclave(7);
  enclave.misc_select = 1;
  const auto claims = verify(machine, machine.make_quote(enclave, report_data()));
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->find_enclave()->mr_enclave, enclave.mr_enclave);
  EXPECT_EQ(claims->find_enclave()->mr_signer, enclave.mr_signer);
  EXPECT_EQ(claims->find_enclave()->isv_prod_id, enclave.isv_prod_id);
  EXPECT_EQ(claims->find_enclave()->isv_svn, enclave.isv_svn);
  EXPECT_EQ(claims->find_enclave()->attributes, enclave.attributes);
  EXPECT_EQ(claims->find_enclave()->misc_select, enclave.misc_select);
  EXPECT_EQ(claims->report_data(), report_data());
  EXPECT_EQ(claims->tcb_status(), TcbStatus::UpToDate);
  EXPECT_TRUE(claims->advisories().empty());
  EXPECT_EQ(claims->platform_instance().size(), 16U);
  EXPECT_GT(claims->collateral_expires(), kNow + std::chrono::days(29));
  EXPECT_LE(claims->collateral_issued(), kNow);
}

TEST(Machine, CarriesTheDebugFlagIntoTheClaims) {
  const Machine machine = make_machine();
  attest::SgxEnclave enclave = testing::fake_enclave(7);
  enclave.attributes[0] |= 0x02;
  const auto claims = verify(machine, machine.make_quote(enclave, report_data()));
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_TRUE(claims->debug());
}

TEST(Machine, NamesTheCollateralThatItsQuotesWant) {
  const Machine machine = make_machine();
  const auto key =
      attest::find_collateral_key(machine.make_quote(testing::fake_enclave(7), report_data()));
  ASSERT_TRUE(key.ok()) << key.error();
  EXPECT_EQ(*key, machine.collateral_key());
}

TEST(Machine, MatchesAnOutOfDateLevelWithAnAdvisoryOnceIntelAsksForMore) {
  Machine machine = make_machine();
  machine.set_condition(Condition::TcbOutOfDate);
  const auto claims = verify(machine, machine.make_quote(testing::fake_enclave(7), report_data()));
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->tcb_status(), TcbStatus::OutOfDate);
  EXPECT_EQ(claims->advisories(), std::vector<std::string>{"INTEL-SA-00001-SIMULATED"});
}

TEST(Machine, IsRefusedOnceItsCertificateIsRevokedOrItsCollateralExpired) {
  Machine machine = make_machine();
  const Bytes quote = machine.make_quote(testing::fake_enclave(7), report_data());
  const std::pair<Condition, const char*> conditions[] = {{Condition::PckRevoked, "revokes"},
                                                          {Condition::CollateralExpired, "expiry"}};
  for (const auto& [condition, reason] : conditions) {
    machine.set_condition(condition);
    EXPECT_EQ(machine.condition(), condition);
    const auto claims = verify(machine, quote);
    ASSERT_FALSE(claims.ok());
    EXPECT_EQ(claims.error().code, ErrorCode::Untrusted);
    EXPECT_NE(claims.error().message.find(reason), std::string::npos) << claims.error();
  }
  machine.set_condition(Condition::Good);
  EXPECT_TRUE(verify(machine, quote).ok());
}

TEST(Machine, IsRefusedUnderTheRootOfAnotherMachine) {
  const Machine machine = make_machine(), other = make_machine();
  const Bytes quote = machine.make_quote(testing::fake_enclave(7), report_data());
  const attest::RootKey others[] = {other.root_key(), attest::intel_root_key()};
  EXPECT_EQ(attest::verify_quote(quote, machine.collateral(kNow), others, kNow).error().code,
            ErrorCode::Untrusted);
  EXPECT_EQ(verify(other, quote).error().code, ErrorCode::Untrusted);
}

TEST(Machine, IssuesDocumentsThatAgeAndAreRenewed) {
  const Machine machine = make_machine();
  const Bytes quote = machine.make_quote(testing::fake_enclave(7), report_data());
  const attest::RootKey roots[] = {machine.root_key()};
  const TimePoint later = kNow + std::chrono::days(31);
  const attest::Collateral old = machine.collateral(kNow);
  EXPECT_EQ(attest::verify_quote(quote, old, roots, later).error().code, ErrorCode::Untrusted);
  EXPECT_TRUE(verify(machine, quote, later).ok());
}

TEST(Machine, ComesBackFromItsState) {
  Machine machine = make_machine();
  machine.set_condition(Condition::TcbOutOfDate);
  const SecretBytes state = machine.encode();
  const auto same = Machine::decode(state.expose());
  ASSERT_TRUE(same.ok()) << same.error();
  EXPECT_TRUE(equal(same->encode().expose(), state.expose()));
  EXPECT_EQ(same->condition(), Condition::TcbOutOfDate);
  EXPECT_EQ(same->root_key(), machine.root_key());
  EXPECT_EQ(same->root_certificate().der(), machine.root_certificate().der());
  const Bytes quote = same->make_quote(testing::fake_enclave(7), report_data());
  EXPECT_TRUE(verify(machine, quote).ok());
  EXPECT_TRUE(equal(same->sealing_key(testing::fake_enclave(7), "kek").expose(),
                    machine.sealing_key(testing::fake_enclave(7), "kek").expose()));
}

TEST(Machine, RefusesAStateThatIsCutShortOrLongerOrOfAnotherFormat) {
  const SecretBytes state = make_machine().encode();
  const ByteView bytes = state.expose();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Machine::decode(bytes.first(size)).error().code, ErrorCode::Malformed) << size;
  }
  Bytes longer = to_bytes(bytes);
  longer.push_back(0);
  EXPECT_EQ(Machine::decode(longer).error().code, ErrorCode::Malformed);
  for (const std::size_t place : {0, 4, 5}) {  // magic, version, condition
    Bytes other = to_bytes(bytes);
    other[place] ^= 0x40;
    EXPECT_EQ(Machine::decode(other).error().code, ErrorCode::Malformed) << place;
  }
}

TEST(Machine, RefusesAStateWhoseKeysAreNotItsCertificates) {
  // Keys of one machine, certificates of another: both states begin alike and are as long but for a
  // byte or two of signatures, so the keys are found by their sizes.
  const SecretBytes left = make_machine().encode(), right = make_machine().encode();
  constexpr std::size_t kHead = 5 + 1 + 16 + 32;
  const std::uint32_t key_bytes = load_le32(left.expose().subspan(kHead, 4));
  Bytes mixed = to_bytes(right.expose());
  const ByteView other_key = left.expose().subspan(kHead, 4 + key_bytes);
  std::copy(other_key.begin(), other_key.end(), mixed.begin() + kHead);
  EXPECT_EQ(Machine::decode(mixed).error().code, ErrorCode::Malformed);
}

struct OtherKey {
  const char* name;
  std::function<SecretBytes(const Machine& machine, attest::SgxEnclave enclave)> derive;
};

class SealingKeys : public ::testing::TestWithParam<OtherKey> {};

TEST_P(SealingKeys, AreOthers) {
  const Machine machine = make_machine();
  const attest::SgxEnclave enclave = testing::fake_enclave(7);
  const SecretBytes key = machine.sealing_key(enclave, "kek");
  ASSERT_EQ(key.size(), 32U);
  EXPECT_TRUE(equal(key.expose(), machine.sealing_key(enclave, "kek").expose()));
  EXPECT_FALSE(equal(key.expose(), GetParam().derive(machine, enclave).expose()));
}

INSTANTIATE_TEST_SUITE_P(Of, SealingKeys,
                         ::testing::Values(OtherKey{"AnotherMrEnclave",
                                                    [](auto& machine, auto enclave) {
                                                      enclave.mr_enclave[31] ^= 1;
                                                      return machine.sealing_key(enclave, "kek");
                                                    }},
                                           OtherKey{"ADebugEnclave",
                                                    [](auto& machine, auto enclave) {
                                                      enclave.attributes[0] |= 2;
                                                      return machine.sealing_key(enclave, "kek");
                                                    }},
                                           OtherKey{"AnotherPurpose",
                                                    [](auto& machine, auto enclave) {
                                                      return machine.sealing_key(enclave, "kel");
                                                    }},
                                           OtherKey{"AnotherMachine",
                                                    [](auto&, auto enclave) {
                                                      return make_machine().sealing_key(enclave,
                                                                                        "kek");
                                                    }}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace torchkeep::simulator
