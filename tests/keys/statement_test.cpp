#include "torchkeep/keys/statement.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_policy;
using testing::FakeOwner;

FakeOwner owner_with_one_version() { return FakeOwner::with_one_version(fake_policy()); }

TEST(SignedStatement, ReadsBackItsJson) {
  const FakeOwner owner = owner_with_one_version();
  for (const SignedStatement& statement : owner.statements()) {
    const auto read = parse_signed_statement(encode(statement));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(hash_of(*read), hash_of(statement));
  }
}

TEST(SignedStatement, HashCoversBodyAndSignature) {
  SignedStatement statement = owner_with_one_version().statements()[0];
  const StatementHash hash = hash_of(statement);
  statement.signature[63] ^= 1;
  EXPECT_NE(hash_of(statement), hash);
  statement.signature[63] ^= 1;
  statement.body.back() ^= 1;
  EXPECT_NE(hash_of(statement), hash);
}

TEST(SignedStatement, RefusesOtherFieldsAndSizes) {
  const json::Json good = encode(owner_with_one_version().statements()[0]);
  const auto refused = [&](const char* field, json::Json value) {
    json::Json bad = good;
    bad[field] = std::move(value);
    return parse_signed_statement(bad).error().code == ErrorCode::Malformed;
  };
  EXPECT_TRUE(refused("extra", 1u));
  EXPECT_TRUE(refused("body", ""));
  EXPECT_TRUE(refused("body", "AA"));
  EXPECT_TRUE(refused("body", encode_base64(Bytes(256 * 1024 + 1))));
  EXPECT_TRUE(refused("body", 5u));
  EXPECT_TRUE(refused("signature", "00"));
  EXPECT_TRUE(refused("signature", std::string(128, 'F')));
  EXPECT_EQ(parse_signed_statement("text").error().code, ErrorCode::Malformed);
}

TEST(ModelChain, TakesInWhatItsOwnerSays) {
  FakeOwner owner = owner_with_one_version();
  owner.say(owner.next_version(2));
  Policy policy = fake_policy();
  policy.lease_seconds = 60;
  owner.say(owner.next_policy(policy));
  owner.say(owner.next_minimum(2));
  owner.say(owner.next(StatementKind::Suspend));
  const auto chain = ModelChain::verify(owner.statements());
  ASSERT_TRUE(chain) << chain.error();
  EXPECT_EQ(chain->owner(), owner.key());
  EXPECT_EQ(chain->name(), "resnet50");
  EXPECT_EQ(chain->model(), owner.model());
  EXPECT_EQ(chain->genesis(), testing::fake_genesis());
  EXPECT_EQ(policy_hash(chain->policy()), policy_hash(policy));
  EXPECT_EQ(chain->minimum_version(), 2u);
  EXPECT_TRUE(chain->suspended());
  EXPECT_FALSE(chain->revoked());
  EXPECT_EQ(chain->versions().size(), 2u);
  EXPECT_EQ(chain->next_sequence(), 6u);
  EXPECT_EQ(chain->head(), hash_of(owner.statements().back()));
  EXPECT_EQ(format_rfc3339(chain->newest_time()), "2026-11-23T09:05:00Z");
}

TEST(ModelChain, KeepsTheNewestTimeWhenAnOwnersClockWentBack) {
  FakeOwner owner = owner_with_one_version();
  Statement earlier = owner.next_version(2);
  earlier.time -= std::chrono::hours(1);
  owner.say(earlier);
  EXPECT_EQ(format_rfc3339(ModelChain::verify(owner.statements())->newest_time()),
            "2026-11-23T09:01:00Z");
}

TEST(ModelChain, RefusesEveryFlippedBit) {
  const FakeOwner owner = owner_with_one_version();
  const ModelChain before = ModelChain::verify({owner.statements()[0]}).value();
  const SignedStatement& good = owner.statements()[1];
  for (std::size_t bit = 0; bit < (good.body.size() + good.signature.size()) * 8; ++bit) {
    SignedStatement bad = good;
    const auto flip = static_cast<std::uint8_t>(1u << bit % 8);
    if (bit / 8 < bad.body.size()) {
      bad.body[bit / 8] ^= flip;
    } else {
      bad.signature[bit / 8 - bad.body.size()] ^= flip;
    }
    ModelChain chain = before;
    const auto taken = chain.append(bad);
    ASSERT_FALSE(taken) << "bit " << bit;
    EXPECT_TRUE(taken.error().code == ErrorCode::Untrusted ||
                taken.error().code == ErrorCode::Malformed)
        << bit << ": " << taken.error();
    EXPECT_EQ(chain.next_sequence(), 1u);
  }
}

TEST(ModelChain, RefusesASignatureOverTheBodyAlone) {
  const FakeOwner owner = owner_with_one_version();
  SignedStatement statement = owner.statements()[0];
  statement.signature = owner.signing_key().sign(statement.body);
  EXPECT_EQ(ModelChain::verify({statement}).error().code, ErrorCode::Untrusted);
}

TEST(ModelChain, RefusesASignatureUnderAnotherLabel) {
  const FakeOwner owner = owner_with_one_version();
  SignedStatement statement = owner.statements()[0];
  Bytes message = to_bytes(as_bytes("torchkeep/session/v1"));
  message.push_back(0);
  append(message, statement.body);
  statement.signature = owner.signing_key().sign(message);
  EXPECT_EQ(ModelChain::verify({statement}).error().code, ErrorCode::Untrusted);
}

// What is signed, byte for byte, as docs/formats/statement.md has it.
TEST(ModelChain, AcceptsASignatureMadeAsDocumented) {
  const FakeOwner owner = owner_with_one_version();
  SignedStatement statement = owner.statements()[0];
  Bytes message = to_bytes(as_bytes("torchkeep/statement/v1"));
  message.push_back(0);
  append(message, statement.body);
  statement.signature = owner.signing_key().sign(message);
  EXPECT_TRUE(ModelChain::verify({statement}));
}

TEST(ModelChain, RefusesEverySwapAndGap) {
  FakeOwner owner = owner_with_one_version();
  owner.say(owner.next_version(2));
  const auto& said = owner.statements();
  EXPECT_EQ(ModelChain::verify({}).error().code, ErrorCode::Malformed);
  EXPECT_EQ(ModelChain::verify({said[1]}).error().code, ErrorCode::Denied);
  EXPECT_EQ(ModelChain::verify({said[0], said[2]}).error().code, ErrorCode::Denied);
  EXPECT_EQ(ModelChain::verify({said[0], said[2], said[1]}).error().code, ErrorCode::Denied);
  EXPECT_EQ(ModelChain::verify({said[1], said[0], said[2]}).error().code, ErrorCode::Denied);
  EXPECT_EQ(ModelChain::verify({said[0], said[1], said[1]}).error().code, ErrorCode::Denied);
  EXPECT_EQ(ModelChain::verify({said[0], said[0]}).error().code, ErrorCode::Denied);
}

TEST(ModelChain, SaysThatAStatementWasTakenInBefore) {
  const FakeOwner owner = owner_with_one_version();
  ModelChain chain = ModelChain::verify(owner.statements()).value();
  EXPECT_NE(chain.append(owner.statements()[1]).error().message.find("taken in before"),
            std::string::npos);
}

TEST(ModelChain, RefusesStatementsOfAForkedChain) {
  const FakeOwner owner = owner_with_one_version();
  Policy other = fake_policy();
  other.lease_seconds = 1;
  FakeOwner fork(1);
  fork.say(fork.next_register(other));
  fork.say(fork.next_version(1));
  EXPECT_EQ(ModelChain::verify({owner.statements()[0], fork.statements()[1]}).error().code,
            ErrorCode::Untrusted);
}

/// A body in another spelling, signed properly.
Error error_of_body(const std::function<void(json::Json&)>& change) {
  const FakeOwner owner = owner_with_one_version();
  SignedStatement statement = owner.statements()[0];
  json::Json body = json::parse(as_text(statement.body)).value();
  change(body);
  statement.body = to_bytes(as_bytes(body.dump()));
  Bytes message = to_bytes(as_bytes("torchkeep/statement/v1"));
  message.push_back(0);
  append(message, statement.body);
  statement.signature = owner.signing_key().sign(message);
  const auto chain = ModelChain::verify({statement});
  return chain ? Error{ErrorCode::Internal, "accepted"} : chain.error();
}

TEST(StatementBody, RefusesEverySpellingButOne) {
  const auto code = [](const std::function<void(json::Json&)>& change) {
    return error_of_body(change).code;
  };
  EXPECT_EQ(error_of_body([](auto&) {}).message, "accepted");
  EXPECT_EQ(code([](auto& b) { b["extra"] = 1u; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["version"] = 1u; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["policy"]["extra"] = 1u; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b.erase("time"); }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["time"] = "2026-11-23T09:00:00.5Z"; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["time"] = "yesterday"; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["format"] = 2u; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["kind"] = "Register"; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["sequence"] = -1; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["sequence"] = 0.5; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["previous"] = std::string(64, 'A'); }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b["genesis"] = "00"; }), ErrorCode::Malformed);
  EXPECT_EQ(code([](auto& b) { b = json::Json::array(); }), ErrorCode::Malformed);
}

TEST(StatementBody, RefusesWhiteSpaceAndBytesBehindIt) {
  const FakeOwner owner = owner_with_one_version();
  for (const char* behind : {" ", "\n", "{}", "\0"}) {
    SignedStatement statement = owner.statements()[0];
    statement.body.push_back(static_cast<std::uint8_t>(behind[0]));
    Bytes message = to_bytes(as_bytes("torchkeep/statement/v1"));
    message.push_back(0);
    append(message, statement.body);
    statement.signature = owner.signing_key().sign(message);
    EXPECT_EQ(ModelChain::verify({statement}).error().code, ErrorCode::Malformed);
  }
}

TEST(Releasable, IsAVersionThatItsOwnerStandsBy) {
  FakeOwner owner = owner_with_one_version();
  const auto releasable = [&](std::uint64_t version) {
    return ModelChain::verify(owner.statements()).value().releasable(version);
  };
  ASSERT_TRUE(releasable(1));
  EXPECT_EQ(releasable(1)->key_id, owner.next_version(1).key_id);
  EXPECT_EQ(releasable(0).error().code, ErrorCode::NotFound);
  EXPECT_EQ(releasable(2).error().code, ErrorCode::NotFound);
  owner.say(owner.next_version(2));
  owner.say(owner.next_minimum(2));
  EXPECT_EQ(releasable(1).error().code, ErrorCode::Denied);
  EXPECT_TRUE(releasable(2));
  owner.say(owner.next(StatementKind::Suspend));
  EXPECT_EQ(releasable(2).error().code, ErrorCode::Denied);
  owner.say(owner.next(StatementKind::Resume));
  EXPECT_TRUE(releasable(2));
  owner.say(owner.next_revoke(2));
  EXPECT_EQ(releasable(2).error().code, ErrorCode::Denied);
  owner.say(owner.next_version(3));
  EXPECT_TRUE(releasable(3));
  owner.say(owner.next_revoke(0));
  EXPECT_EQ(releasable(3).error().code, ErrorCode::Denied);
}

TEST(Releasable, SaysHowOn) {
  FakeOwner owner = owner_with_one_version();
  owner.say(owner.next_minimum(2));
  const auto chain = ModelChain::verify(owner.statements());
  EXPECT_NE(chain->releasable(1).error().message.find("minimum, 2; deploy"), std::string::npos);
  EXPECT_NE(chain->releasable(9).error().message.find("keys register"), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::keys
