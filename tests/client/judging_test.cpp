#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/client/inference_client.h"
#include "torchkeep/client/key_server_client.h"
#include "torchkeep/client/key_source.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/keys/genesis.h"

#include "tests/support/await.h"
#include "tests/support/fake_claims.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/fake_owner.h"

// What the asking side makes of a peer that has proved to be something: is it what was asked for?
namespace torchkeep::client {
namespace {

using testing::FakeHttpClient;
using testing::FakeOwner;

class Judging : public ::testing::Test {
 protected:
  channel::AttestedPeer peer(tee::Role role, std::uint8_t name, Bytes context = {}) const {
    return {.role = role,
            .claims = testing::fake_claims(machine_, testing::fake_enclave(name), clock_.now()),
            .owner = std::nullopt,
            .context = std::move(context),
            .until = clock_.now() + std::chrono::hours(1)};
  }
  channel::AttestedPeer key_server(std::uint8_t genesis = 0x99) const {
    return peer(tee::Role::KeyServer, testing::kFakeKeyServer,
                keys::encode_keyserver_context(testing::fake_genesis(genesis), Digest256{}));
  }
  channel::AttestedPeer cache() const { return peer(tee::Role::KeyCache, testing::kFakeKeyCache); }
  channel::AttestedPeer worker() const {
    return peer(tee::Role::Worker, testing::kFakeWorker, to_bytes(owner_.key().bytes));
  }

  Result<std::unique_ptr<KeyServerClient>> open(
      channel::AttestedPeer from, std::optional<Genesis> pinned = testing::fake_genesis()) {
    return KeyServerClient::open(std::make_unique<FakeHttpClient>(script_), std::move(from), pinned,
                                 clock_);
  }
  keys::Submission version_submission() const {
    return {owner_.statements()[1], testing::fake_data_key(1)};
  }

  keys::ReleaseRequest request() const {
    keys::ReleaseRequest request;
    request.owner = owner_.key();
    request.name = owner_.name();
    request.version = 1;
    request.nonce.fill(7);
    return request;
  }
  keys::Release release() const {
    keys::Release release;
    release.lease.nonce.fill(7);
    release.lease.seconds = 3600;
    release.statements = owner_.statements();
    release.data_key = testing::fake_data_key(1);
    return release;
  }

  testing::FakeClock clock_;
  crypto::SystemRandom random_;
  simulator::Machine machine_ = simulator::Machine::create(random_, clock_.now());
  keys::Policy policy_ = testing::fake_policy(crypto::sha256(machine_.root_key()));
  FakeOwner owner_ = FakeOwner::with_one_version(policy_);
  FakeHttpClient::Script script_;
  boost::asio::io_context io_;
};

TEST_F(Judging, AcceptsThePinnedKeyServer) {
  auto client = open(key_server());
  ASSERT_TRUE(client) << client.error();
  EXPECT_EQ((*client)->genesis(), testing::fake_genesis());
  EXPECT_TRUE((*client)->appraise(policy_));
}

TEST_F(Judging, AcceptsAnyGenesisWhereNoneIsPinned) {
  EXPECT_EQ((*open(key_server(0x98), std::nullopt))->genesis(), testing::fake_genesis(0x98));
}

TEST_F(Judging, NamesBothGenesesOfAnotherKeyServer) {
  const auto refused = open(key_server(0x98));
  EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
  EXPECT_NE(refused.error().message.find(std::string(64, '9')), std::string::npos);
  EXPECT_NE(refused.error().message.find(testing::fake_genesis(0x98).hex()), std::string::npos);
}

TEST_F(Judging, RefusesKeyServersThatAreNone) {
  EXPECT_EQ(open(cache()).error().code, ErrorCode::Untrusted);
  channel::AttestedPeer unproved = key_server();
  unproved.claims.reset();
  EXPECT_EQ(open(unproved).error().code, ErrorCode::Untrusted);
  channel::AttestedPeer short_context = key_server();
  short_context.context.pop_back();
  EXPECT_EQ(open(short_context).error().code, ErrorCode::Malformed);
}

TEST_F(Judging, SendsNoKeyToAKeyServerThatThePolicyDoesNotList) {
  const auto client = open(peer(tee::Role::KeyServer, 0x44, key_server().context)).value();
  const auto before = testing::await(io_, client->submit(version_submission()));
  EXPECT_EQ(before.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(client->appraise(policy_).error().code, ErrorCode::Denied);
  const auto after = testing::await(io_, client->submit(version_submission()));
  EXPECT_EQ(after.error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(script_.requests.empty());
}

TEST_F(Judging, TakesBackItsWordWhenANewPolicyIsStricter) {
  const auto client = open(key_server()).value();
  ASSERT_TRUE(client->appraise(policy_));
  keys::Policy other = policy_;
  other.keyservers = {testing::fake_requirement(0x44)};
  EXPECT_FALSE(client->appraise(other));
  EXPECT_EQ(testing::await(io_, client->submit(version_submission())).error().code,
            ErrorCode::InvalidArgument);
}

TEST_F(Judging, SubmitsOnceTheKeyServerIsAppraised) {
  const auto client = open(key_server()).value();
  ASSERT_TRUE(client->appraise(policy_));
  script_.answer(200, keys::encode(keys::Receipt{5, keys::hash_of(owner_.statements()[1])}));
  const auto receipt = testing::await(io_, client->submit(version_submission()));
  ASSERT_TRUE(receipt) << receipt.error();
  EXPECT_EQ(receipt->log_position, 5u);
  ASSERT_EQ(script_.requests.size(), 1u);
  EXPECT_EQ(script_.requests[0].target, keys::kSubmitPath);
  EXPECT_TRUE(keys::parse_submission(script_.requests[0].body)->data_key);
}

TEST_F(Judging, RefusesAReceiptForAnotherStatement) {
  const auto client = open(key_server()).value();
  ASSERT_TRUE(client->appraise(policy_));
  script_.answer(200, keys::encode(keys::Receipt{5, keys::hash_of(owner_.statements()[0])}));
  EXPECT_EQ(testing::await(io_, client->submit(version_submission())).error().code,
            ErrorCode::Untrusted);
}

TEST_F(Judging, PassesTheKeyServersWordsOn) {
  const auto client = open(key_server()).value();
  script_.answer(403, keys::encode_refusal(ErrorCode::Denied, "out of order", "9"));
  script_.answer(200, as_bytes("no receipt"));
  script_.answer(502, as_bytes("<html>"));
  const keys::Submission submission{owner_.statements()[0], std::nullopt};
  const auto submit = [&] {
    return testing::await(io_, client->submit({submission.statement, {}}));
  };
  const auto denied = submit();
  EXPECT_EQ(denied.error().code, ErrorCode::Denied);
  EXPECT_NE(denied.error().message.find("out of order (request 9)"), std::string::npos);
  EXPECT_EQ(submit().error().code, ErrorCode::Malformed);
  EXPECT_EQ(submit().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(submit().error().code, ErrorCode::Unavailable);  // the connection broke
}

TEST_F(Judging, EndsWithItsSession) {
  const auto client = open(key_server()).value();
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(testing::await(io_, client->list()).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(testing::await(io_, client->release(request())).error().code, ErrorCode::Unavailable);
  EXPECT_TRUE(script_.requests.empty());
}

TEST_F(Judging, AcceptsWhatTheListedCacheReleases) {
  const auto key = judge_cache_release(release(), request(), cache(), nullptr, clock_.now());
  ASSERT_TRUE(key) << key.error();
  EXPECT_TRUE(equal(key->data_key().expose(), testing::fake_data_key(1).expose()));
}

TEST_F(Judging, RefusesKeysOfCachesThatThePolicyDoesNotList) {
  const auto other = judge_cache_release(release(), request(), peer(tee::Role::KeyCache, 0x44),
                                         nullptr, clock_.now());
  EXPECT_EQ(other.error().code, ErrorCode::Denied);
  EXPECT_NE(other.error().message.find("caches"), std::string::npos) << other.error();
  EXPECT_EQ(judge_cache_release(release(), request(), worker(), nullptr, clock_.now()).error().code,
            ErrorCode::Untrusted);
  channel::AttestedPeer unproved = cache();
  unproved.claims.reset();
  EXPECT_EQ(judge_cache_release(release(), request(), unproved, nullptr, clock_.now()).error().code,
            ErrorCode::Untrusted);
}

// The cache was pointed at a key server where an attacker registered that name.
TEST_F(Judging, RefusesAnotherOwnersModelOfTheSameName) {
  keys::Release attackers = release();
  attackers.statements = FakeOwner::with_one_version(policy_, 66).statements();
  EXPECT_EQ(judge_cache_release(std::move(attackers), request(), cache(), nullptr, clock_.now())
                .error()
                .code,
            ErrorCode::Untrusted);
}

TEST_F(Judging, RefusesACachesOldAnswer) {
  keys::Release old = release();
  old.lease.nonce.fill(6);
  EXPECT_EQ(
      judge_cache_release(std::move(old), request(), cache(), nullptr, clock_.now()).error().code,
      ErrorCode::Untrusted);
}

TEST_F(Judging, AsksForNoKeyOfAnotherOwner) {
  channel::SessionParty self{.role = tee::Role::Worker,
                             .platform = nullptr,
                             .context = Bytes(32, 1),
                             .collateral = nullptr,
                             .roots = {},
                             .clock = &clock_,
                             .random = &random_};
  CacheKeySource source({"127.0.0.1", 1}, self);
  EXPECT_EQ(testing::await(io_, source.acquire(request(), nullptr)).error().code,
            ErrorCode::InvalidArgument);
  keys::ReleaseRequest renewal = request();
  renewal.renewal = true;
  EXPECT_EQ(testing::await(io_, source.acquire(renewal, nullptr)).error().code,
            ErrorCode::InvalidArgument);
}

TEST_F(Judging, AcceptsTheOwnersListedWorker) {
  EXPECT_TRUE(judge_worker(worker(), {owner_.key(), policy_}, clock_.now()));
}

TEST_F(Judging, RefusesWorkersThatAreNotTheOwners) {
  const WorkerExpectation expected{owner_.key(), policy_};
  channel::AttestedPeer others = worker();
  others.context = to_bytes(testing::fake_owner_key(9).public_key().bytes);
  EXPECT_EQ(judge_worker(others, expected, clock_.now()).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(judge_worker(cache(), expected, clock_.now()).error().code, ErrorCode::Untrusted);
  channel::AttestedPeer unproved = worker();
  unproved.claims.reset();
  EXPECT_EQ(judge_worker(unproved, expected, clock_.now()).error().code, ErrorCode::Untrusted);
  const auto unlisted =
      judge_worker(peer(tee::Role::Worker, 0x44, worker().context), expected, clock_.now());
  EXPECT_EQ(unlisted.error().code, ErrorCode::Denied);
  EXPECT_NE(unlisted.error().message.find("workers"), std::string::npos) << unlisted.error();
}

TEST_F(Judging, SendsNoTensorPastItsSession) {
  const auto client = InferenceClient::open(std::make_unique<FakeHttpClient>(script_), worker(),
                                            {owner_.key(), policy_}, clock_)
                          .value();
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(testing::await(io_, client->infer("resnet50", 1, {})).error().code,
            ErrorCode::Unavailable);
  EXPECT_TRUE(script_.requests.empty());
}

TEST_F(Judging, InfersOverItsSession) {
  const auto client = InferenceClient::open(std::make_unique<FakeHttpClient>(script_), worker(),
                                            {owner_.key(), policy_}, clock_)
                          .value();
  const std::string_view head = R"({"outputs":[]})";
  script_.answer(200, as_bytes(head),
                 {{"inference-header-content-length", std::to_string(head.size())}});
  EXPECT_TRUE(testing::await(io_, client->infer("resnet50", 1, {})));
  EXPECT_EQ(script_.requests[0].target, "/v2/models/resnet50/versions/1/infer");
  EXPECT_EQ(testing::await(io_, client->infer("../x", 1, {})).error().code,
            ErrorCode::InvalidArgument);
}

TEST_F(Judging, AsksWhatAModelTakes) {
  const auto client = InferenceClient::open(std::make_unique<FakeHttpClient>(script_), worker(),
                                            {owner_.key(), policy_}, clock_)
                          .value();
  script_.answer(200, as_bytes(std::string_view(
                          R"({"name":"m","versions":["1","3"],"platform":"torchkeep_onnx",)"
                          R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,6]}],)"
                          R"("outputs":[{"name":"y","datatype":"INT64","shape":[]}]})")));
  const auto told = testing::await(io_, client->describe("m", 3));
  ASSERT_TRUE(told) << told.error();
  EXPECT_EQ(script_.requests[0].target, "/v2/models/m/versions/3");
  EXPECT_EQ(told->versions, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(told->inputs.at(0).shape, (std::vector<std::int64_t>{-1, 6}));
  EXPECT_EQ(told->outputs.at(0).datatype, "INT64");
  for (
      const std::string_view bad :
      {"", "[]", "{}", R"({"versions":["x"],"inputs":[],"outputs":[]})",
       R"({"versions":["1"],"inputs":[{"name":"x"}],"outputs":[]})",
       R"({"versions":["1"],"inputs":[{"name":"x","datatype":"FP32","shape":["a"]}],"outputs":[]})"}) {
    script_.answer(200, as_bytes(bad));
    EXPECT_EQ(testing::await(io_, client->describe("m", 0)).error().code, ErrorCode::Malformed)
        << bad;
  }
  EXPECT_EQ(testing::await(io_, client->describe("../x", 0)).error().code,
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep::client
