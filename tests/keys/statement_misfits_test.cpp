// Statements that are signed properly and do not fit where they stand.
#include "torchkeep/keys/statement.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_policy;
using testing::FakeOwner;

FakeOwner owner_with_one_version() { return FakeOwner::with_one_version(fake_policy()); }

/// One statement that does not fit behind Register and version 1, signed properly.
struct Misfit {
  const char* name;
  std::function<Statement(FakeOwner&)> make;
  ErrorCode expected;
};

class Misfits : public ::testing::TestWithParam<Misfit> {};

TEST_P(Misfits, AreRefusedAndChangeNothing) {
  FakeOwner owner = owner_with_one_version();
  const Statement statement = GetParam().make(owner);
  ModelChain chain = ModelChain::verify(owner.statements()).value();
  const StatementHash head = chain.head();
  const auto taken = chain.append(owner.sign(statement));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, GetParam().expected) << taken.error();
  EXPECT_EQ(chain.head(), head);
}

template <typename Change>
std::function<Statement(FakeOwner&)> changed(Change change) {
  return [change](FakeOwner& owner) {
    Statement statement = owner.next_version(2);
    change(statement);
    return statement;
  };
}

INSTANTIATE_TEST_SUITE_P(
    Links, Misfits,
    ::testing::Values(
        Misfit{"OtherGenesis", changed([](auto& s) { s.genesis.bytes[0] ^= 1; }),
               ErrorCode::Untrusted},
        Misfit{"OtherName", changed([](auto& s) { s.name = "bert"; }), ErrorCode::Untrusted},
        // Signed by our owner, in the name of another.
        Misfit{"OtherOwner",
               changed([](auto& s) { s.owner = testing::fake_owner_key(9).public_key(); }),
               ErrorCode::Untrusted},
        Misfit{"OtherPrevious", changed([](auto& s) { s.previous.bytes[31] ^= 1; }),
               ErrorCode::Untrusted},
        Misfit{"NoPrevious", changed([](auto& s) { s.previous = {}; }), ErrorCode::Untrusted},
        Misfit{"SkippedSequence", changed([](auto& s) { ++s.sequence; }), ErrorCode::Denied},
        Misfit{"RepeatedSequence", changed([](auto& s) { --s.sequence; }), ErrorCode::Denied},
        Misfit{"HugeSequence", changed([](auto& s) { s.sequence = ~std::uint64_t{0}; }),
               ErrorCode::Denied},
        Misfit{"BadName", changed([](auto& s) { s.name = "../x"; }), ErrorCode::Malformed}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Sense, Misfits,
    ::testing::Values(
        Misfit{"RegisterAgain", [](auto& o) { return o.next_register(fake_policy()); },
               ErrorCode::Denied},
        Misfit{"VersionTwice", [](auto& o) { return o.next_version(1); }, ErrorCode::Denied},
        Misfit{"VersionZero", changed([](auto& s) { s.version = 0; }), ErrorCode::Malformed},
        Misfit{"VersionPastTheEnd", changed([](auto& s) { s.version = std::uint64_t{1} << 63; }),
               ErrorCode::Malformed},
        Misfit{"NoDigest", changed([](auto& s) { s.container_digest = {}; }), ErrorCode::Malformed},
        Misfit{"NoKeyId", changed([](auto& s) { s.key_id = {}; }), ErrorCode::Malformed},
        Misfit{"KeyOfAnotherVersion",
               [](auto& o) {
                 Statement statement = o.next_version(2);
                 statement.key_id = o.next_version(1).key_id;
                 return statement;
               },
               ErrorCode::Denied},
        Misfit{"LowerMinimum",
               [](auto& o) {
                 o.say(o.next_minimum(5));
                 return o.next_minimum(4);
               },
               ErrorCode::Denied},
        Misfit{"VersionBelowTheMinimum",
               [](auto& o) {
                 o.say(o.next_minimum(5));
                 return o.next_version(4);
               },
               ErrorCode::Denied},
        Misfit{"MinimumZero", [](auto& o) { return o.next_minimum(0); }, ErrorCode::Malformed},
        Misfit{"SuspendTwice",
               [](auto& o) {
                 o.say(o.next(StatementKind::Suspend));
                 return o.next(StatementKind::Suspend);
               },
               ErrorCode::Denied},
        Misfit{"ResumeWhatRuns", [](auto& o) { return o.next(StatementKind::Resume); },
               ErrorCode::Denied},
        Misfit{"RevokeWhatIsNotThere", [](auto& o) { return o.next_revoke(7); }, ErrorCode::Denied},
        Misfit{"RevokeTwice",
               [](auto& o) {
                 o.say(o.next_revoke(1));
                 return o.next_revoke(1);
               },
               ErrorCode::Denied},
        Misfit{"RevokedVersionAgain",
               [](auto& o) {
                 o.say(o.next_revoke(1));
                 return o.next_version(1);
               },
               ErrorCode::Denied},
        Misfit{"PolicyOfARealMachine",
               [](auto& o) {
                 Policy policy = fake_policy();
                 policy.platform.simulated = false;
                 return o.next_policy(policy);
               },
               ErrorCode::Denied},
        Misfit{"PolicyWithoutOne", [](auto& o) { return o.next(StatementKind::Policy); },
               ErrorCode::Malformed}),
    [](const auto& param) { return param.param.name; });

TEST(ModelChain, TakesNothingInAfterARevocation) {
  FakeOwner owner = owner_with_one_version();
  owner.say(owner.next_revoke(0));
  const ModelChain revoked = ModelChain::verify(owner.statements()).value();
  EXPECT_TRUE(revoked.revoked());
  for (const Statement& statement :
       {owner.next_version(2), owner.next_policy(fake_policy()), owner.next_minimum(1),
        owner.next(StatementKind::Suspend), owner.next(StatementKind::Resume), owner.next_revoke(1),
        owner.next_revoke(0), owner.next_register(fake_policy())}) {
    ModelChain chain = revoked;
    EXPECT_EQ(chain.append(owner.sign(statement)).error().code, ErrorCode::Denied)
        << name_of(statement.kind);
  }
}

struct BadBeginning {
  const char* name;
  std::function<void(Statement&)> change;
  ErrorCode expected;
};

class BadBeginnings : public ::testing::TestWithParam<BadBeginning> {};

TEST_P(BadBeginnings, AreRefused) {
  FakeOwner owner;
  Statement statement = owner.next_register(fake_policy());
  GetParam().change(statement);
  EXPECT_EQ(ModelChain::verify({owner.sign(statement)}).error().code, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadBeginnings,
    ::testing::Values(
        BadBeginning{"NotAtZero", [](auto& s) { s.sequence = 1; }, ErrorCode::Denied},
        BadBeginning{"BehindAnother", [](auto& s) { s.previous.bytes[0] = 1; },
                     ErrorCode::Untrusted},
        BadBeginning{"NoPolicy", [](auto& s) { s.policy.reset(); }, ErrorCode::Malformed},
        BadBeginning{"SomethingElse", [](auto& s) { s.kind = StatementKind::Suspend; },
                     ErrorCode::Denied},
        BadBeginning{"PolicyWithoutWorkers", [](auto& s) { s.policy->workers.clear(); },
                     ErrorCode::Malformed}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace torchkeep::keys
