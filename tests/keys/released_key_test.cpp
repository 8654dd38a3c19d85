#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/keys/messages.h"

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_data_key;
using testing::fake_genesis;
using testing::fake_policy;
using testing::FakeOwner;

/// A request and the faithful answer to it; each test spoils one thing.
struct Exchange {
  Exchange() : owner(FakeOwner::with_one_version(fake_policy())), genesis(fake_genesis()) {
    owner.say(owner.next_version(2));
    request.owner = owner.key();
    request.name = owner.name();
    request.version = 1;
    request.nonce.fill(7);
    release.lease.id.fill(4);
    release.lease.nonce = request.nonce;
    release.lease.seconds = 3600;
    release.statements = owner.statements();
    release.data_key = fake_data_key(1);
  }
  Result<ReleasedKey> open(const crypto::DataKey* held = nullptr) {
    return open_release(std::move(release), request, genesis, held);
  }
  FakeOwner owner;
  ReleaseRequest request;
  Release release;
  std::optional<Genesis> genesis;
};

TEST(OpenRelease, YieldsTheKeyThatTheOwnerSigned) {
  Exchange exchange;
  const auto opened = exchange.open();
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(equal(opened->data_key().expose(), fake_data_key(1).expose()));
  EXPECT_EQ(opened->container_digest(), exchange.owner.next_version(1).container_digest);
  EXPECT_EQ(opened->lease().seconds, 3600u);
  EXPECT_EQ(opened->chain().model(), exchange.owner.model());
}

TEST(OpenRelease, NeedsNoGenesisWhereNoneIsKnown) {
  Exchange exchange;
  exchange.genesis.reset();
  EXPECT_TRUE(exchange.open());
}

TEST(OpenRelease, RenewsWithTheKeyInHand) {
  Exchange exchange;
  exchange.request.renewal = true;
  exchange.release.data_key.reset();
  const crypto::DataKey held = fake_data_key(1);
  const auto opened = exchange.open(&held);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(equal(opened->data_key().expose(), held.expose()));
}

TEST(OpenRelease, RefusesToRenewWithAnotherKeyInHand) {
  Exchange exchange;
  exchange.request.renewal = true;
  exchange.release.data_key.reset();
  const crypto::DataKey held = fake_data_key(2);
  EXPECT_EQ(exchange.open(&held).error().code, ErrorCode::Untrusted);
}

TEST(OpenRelease, RefusesToRenewWithNoKeyInHand) {
  Exchange exchange;
  exchange.request.renewal = true;
  exchange.release.data_key.reset();
  EXPECT_EQ(exchange.open().error().code, ErrorCode::InvalidArgument);
}

TEST(OpenRelease, RefusesTheKeyInHandForAFirstRelease) {
  Exchange exchange;
  exchange.release.data_key.reset();
  const crypto::DataKey held = fake_data_key(1);
  EXPECT_EQ(exchange.open(&held).error().code, ErrorCode::Untrusted);
}

TEST(OpenRelease, RefusesEveryFlippedBitOfTheKey) {
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Exchange exchange;
    SecretBytes bytes = SecretBytes::copy_of(exchange.release.data_key->expose());
    bytes.expose()[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    exchange.release.data_key = crypto::DataKey::from_bytes(std::move(bytes)).value();
    EXPECT_EQ(exchange.open().error().code, ErrorCode::Untrusted) << bit;
  }
}

struct Spoilt {
  const char* name;
  std::function<void(Exchange&)> spoil;
  ErrorCode expected;
  const char* says;
};

class SpoiltReleases : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltReleases, AreRefusedByName) {
  Exchange exchange;
  GetParam().spoil(exchange);
  const auto opened = exchange.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, GetParam().expected) << opened.error();
  EXPECT_NE(opened.error().message.find(GetParam().says), std::string::npos) << opened.error();
}

void say(Exchange& exchange, const Statement& statement) {
  exchange.owner.say(statement);
  exchange.release.statements = exchange.owner.statements();
}

INSTANTIATE_TEST_SUITE_P(
    Keys, SpoiltReleases,
    ::testing::Values(
        Spoilt{"NonceOfAnotherRequest", [](auto& e) { e.release.lease.nonce[31] ^= 1; },
               ErrorCode::Untrusted, "nonce"},
        Spoilt{"AskedOfAnotherOwner",
               [](auto& e) { e.request.owner = testing::fake_owner_key(5).public_key(); },
               ErrorCode::Untrusted, "asked for model"},
        Spoilt{"AskedForAnotherName", [](auto& e) { e.request.name = "bert"; },
               ErrorCode::Untrusted, "asked for model"},
        // An attacker registered the same name under a key of its own.
        Spoilt{"AnotherOwnersModelOfThatName",
               [](auto& e) {
                 e.release.statements = FakeOwner::with_one_version(fake_policy(), 66).statements();
               },
               ErrorCode::Untrusted, "asked for model"},
        Spoilt{"AnotherKeyServersGenesis", [](auto& e) { e.genesis = fake_genesis(0x98); },
               ErrorCode::Untrusted, "genesis"},
        Spoilt{"KeyOfAnotherVersion", [](auto& e) { e.release.data_key = fake_data_key(2); },
               ErrorCode::Untrusted, "key id"},
        Spoilt{"AnswerForAnotherVersion", [](auto& e) { e.request.version = 2; },
               ErrorCode::Untrusted, "key id"},
        Spoilt{"NoSuchVersion", [](auto& e) { e.request.version = 3; }, ErrorCode::NotFound,
               "version 3"},
        Spoilt{"NoStatements", [](auto& e) { e.release.statements.clear(); }, ErrorCode::Malformed,
               "at least one"},
        Spoilt{"AStatementLeftOut",
               [](auto& e) { e.release.statements.erase(e.release.statements.begin() + 1); },
               ErrorCode::Untrusted, "out of order"},
        Spoilt{"AnEditedStatement", [](auto& e) { e.release.statements[1].signature[0] ^= 1; },
               ErrorCode::Untrusted, "signature"},
        Spoilt{"APolicySwappedIn",
               [](auto& e) {
                 Policy lax = fake_policy();
                 lax.workers = {testing::fake_requirement(0x66)};
                 e.release.statements[0] =
                     FakeOwner(1).say(FakeOwner(1).next_register(lax)).statements()[0];
               },
               ErrorCode::Untrusted, "follows"},
        Spoilt{"Suspended", [](auto& e) { say(e, e.owner.next(StatementKind::Suspend)); },
               ErrorCode::Denied, "suspended"},
        Spoilt{"Revoked", [](auto& e) { say(e, e.owner.next_revoke(0)); }, ErrorCode::Denied,
               "revoked"},
        Spoilt{"VersionRevoked", [](auto& e) { say(e, e.owner.next_revoke(1)); }, ErrorCode::Denied,
               "revoked"},
        Spoilt{"BelowTheMinimum", [](auto& e) { say(e, e.owner.next_minimum(2)); },
               ErrorCode::Denied, "minimum"},
        Spoilt{"ALeaseLongerThanThePolicys", [](auto& e) { e.release.lease.seconds = 3601; },
               ErrorCode::Untrusted, "3601 s"}),
    [](const auto& param) { return param.param.name; });

TEST(OpenRelease, HoldsACountedLeaseToThePolicysCount) {
  Policy counted = fake_policy();
  counted.lease_requests = 100;
  for (const auto& [requests, opens] :
       {std::pair<std::uint64_t, bool>{0, false}, {1, true}, {100, true}, {101, false}}) {
    Exchange exchange;
    exchange.owner = FakeOwner::with_one_version(counted);
    exchange.release.statements = exchange.owner.statements();
    exchange.release.lease.requests = requests;
    EXPECT_EQ(exchange.open().ok(), opens) << requests;
  }
}

}  // namespace
}  // namespace torchkeep::keys
