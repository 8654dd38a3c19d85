#include <thread>

#include "torchkeep/attest/verify.h"

#include "tests/attest/forger.h"
#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"

namespace torchkeep::keyserver {
namespace {

using keys::StatementKind;

class Releasing : public ::testing::Test {
 protected:
  Releasing() { world_.register_model(*server_, story_, 1); }

  Result<keys::Release> ask(std::uint64_t version = 1, bool renewal = false) {
    return server_->release(world_.cache(), World::request(story_, version, renewal));
  }
  void tell(keys::Statement statement) { World::tell(*server_, story_, std::move(statement)); }
  void tell_policy(const std::function<void(keys::Policy&)>& change) {
    keys::Policy policy = world_.policy();
    change(policy);
    tell(Story::policy(StatementKind::Policy, std::move(policy)));
  }

  World world_;
  std::unique_ptr<KeyServer> server_ = world_.open();
  Story story_ = world_.story(*server_);
};

TEST_F(Releasing, GivesTheDekAndALeaseThatTheReceiverAccepts) {
  const keys::ReleaseRequest request = World::request(story_);
  auto release = server_->release(world_.cache(), request);
  ASSERT_TRUE(release) << release.error();
  EXPECT_EQ(release->lease.nonce, request.nonce);
  EXPECT_EQ(release->lease.seconds, 600u);
  EXPECT_EQ(release->lease.requests, 1000u);
  const auto opened =
      keys::open_release(std::move(release).value(), request, server_->genesis(), nullptr);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(equal(opened->data_key().expose(), testing::fake_data_key(1).expose()));
}

TEST_F(Releasing, EveryLeaseHasANameOfItsOwn) {
  EXPECT_NE(ask().value().lease.id, ask().value().lease.id);
}

TEST_F(Releasing, ARenewalCarriesNoDek) {
  const auto data_key = testing::fake_data_key(1);
  const auto request = World::request(story_, 1, true);
  auto renewed = server_->release(world_.cache(), request);
  ASSERT_TRUE(renewed) << renewed.error();
  EXPECT_FALSE(renewed->data_key);
  EXPECT_TRUE(
      keys::open_release(std::move(renewed).value(), request, server_->genesis(), &data_key));
}

TEST_F(Releasing, TheLogSaysToWhomAndUntilWhen) {
  const auto release = ask().value();
  const keys::LogRow& row = world_.memory.contents.log.back();
  EXPECT_EQ(row.position, release.lease.log_position);
  const LogEntry entry = parse_log_entry(row.entry).value();
  const Grant& grant = std::get<Grant>(entry.event);
  EXPECT_EQ(grant.lease, release.lease.id);
  EXPECT_EQ(grant.model, story_.model());
  EXPECT_EQ(grant.version, 1u);
  EXPECT_EQ(grant.mr_enclave, cache_enclave().mr_enclave);
  EXPECT_EQ(grant.mr_signer, cache_enclave().mr_signer);
  EXPECT_EQ(grant.isv_prod_id, 0x5402);
  EXPECT_EQ(grant.platform, world_.cache().platform_instance());
  EXPECT_EQ(grant.seconds, 600u);
  EXPECT_EQ(grant.requests, 1000u);
}

TEST(ReleasingToATrustDomain, IsLoggedWithItsMeasurementAndToNoOther) {
  World world;
  attest::testing::Forger host;
  attest::TdReport td;
  host.start_trust_domain(5, td);
  const auto claims = [&] {
    const attest::testing::Evidence evidence = host.make();
    return attest::verify_quote(evidence.quote, evidence.collateral, {&evidence.root, 1},
                                world.clock.now())
        .value();
  };
  const attest::Claims cache = claims();
  const Trust trust{{cache.root_key_hash()}, true};
  const auto server = must(KeyServer::open(world.store, world.platform, trust, world.clock,
                                           world.random, world.log));
  keys::Policy policy = world.policy();
  policy.platform.roots = trust.roots;
  policy.caches = {attest::TrustDomainRequirement{
      .mr_td = td.mr_td, .rtmrs = td.rtmrs, .td_attributes = td.td_attributes}};
  Story story = world.story(*server);
  World::tell(*server, story, Story::policy(StatementKind::Register, policy));
  World::tell_version(*server, story, 1, 1);
  const auto release = server->release(cache, World::request(story));
  ASSERT_TRUE(release) << release.error();
  const LogEntry entry = parse_log_entry(world.memory.contents.log.back().entry).value();
  const Grant& grant = std::get<Grant>(entry.event);
  EXPECT_EQ(grant.mr_td, td.mr_td);
  EXPECT_EQ(grant.mr_enclave, Digest256{});
  EXPECT_EQ(grant.platform, cache.platform_instance());

  const std::size_t entries = world.memory.contents.log.size();
  td.rtmrs[2][0] ^= 1;
  EXPECT_TRUE(refused(server->release(claims(), World::request(story)), ErrorCode::Denied,
                      "caches[0].rtmrs[2]"));
  EXPECT_TRUE(refused(server->release(world.cache(), World::request(story)), ErrorCode::Denied,
                      "wanted a TDX trust domain"));
  EXPECT_EQ(world.memory.contents.log.size(), entries);
}

TEST_F(Releasing, NoDekLeavesUnlessItsGrantIsOnTheDisk) {
  const std::size_t entries = world_.memory.contents.log.size();
  world_.store.fail_write(0, FailingKeyStore::Outcome::NotWritten);
  EXPECT_TRUE(refused(ask(), ErrorCode::Unavailable, "ask again"));
  EXPECT_EQ(world_.memory.contents.log.size(), entries);
  EXPECT_TRUE(ask());
  EXPECT_EQ(world_.memory.contents.log.size(), entries + 1);
}

TEST_F(Releasing, AGrantOfUnknownOutcomeIsSettledBothWays) {
  const std::size_t entries = world_.memory.contents.log.size();
  world_.store.fail_write(0, FailingKeyStore::Outcome::Written);
  EXPECT_TRUE(refused(ask(), ErrorCode::Unavailable, "ask again"));
  EXPECT_EQ(world_.memory.contents.log.size(), entries + 1);
  const auto next = ask();
  ASSERT_TRUE(next) << next.error();
  EXPECT_EQ(next->lease.log_position, entries + 1);
  EXPECT_TRUE(world_.log.contains("a write of unknown outcome is settled"));
  EXPECT_EQ(server_->list(story_.owner())->at("models").at(0).at("grants"), 2);
}

struct Clause {
  const char* name;
  std::function<void(World&, keys::Policy&)> change;
  std::vector<const char*> told;
};

class Clauses : public Releasing, public ::testing::WithParamInterface<Clause> {};

TEST_P(Clauses, AreHeldAgainstTheCacheAndNamed) {
  const Clause& clause = GetParam();
  tell_policy([&](keys::Policy& policy) { clause.change(world_, policy); });
  const std::size_t writes = world_.store.writes();
  for (const bool renewal : {false, true}) {
    const auto release = ask(1, renewal);
    ASSERT_TRUE(refused(release, ErrorCode::Denied, "resnet50"));
    for (const char* part : clause.told) EXPECT_TRUE(refused(release, ErrorCode::Denied, part));
  }
  EXPECT_EQ(world_.store.writes(), writes) << "a refusal is no grant";
  // The owner relents.
  tell_policy([](keys::Policy&) {});
  world_.machine.set_condition(simulator::Condition::Good);
  EXPECT_TRUE(ask());
}

INSTANTIATE_TEST_SUITE_P(
    KeyServer, Clauses,
    ::testing::Values(Clause{"AnotherMrEnclave",
                             [](World&, keys::Policy& policy) {
                               policy.caches = {testing::fake_requirement(0x23)};
                             },
                             {"caches[0].mr_enclave", "2222222222", "2323232323"}},
                      Clause{"AnotherSigner",
                             [](World&, keys::Policy& policy) {
                               attest::EnclaveRequirement wanted;
                               wanted.mr_signer = Digest256{9};
                               wanted.isv_prod_id = 0x5402;
                               policy.caches = {wanted};
                             },
                             {"caches[0].mr_signer"}},
                      Clause{"AnotherProduct",
                             [](World&, keys::Policy& policy) {
                               attest::EnclaveRequirement wanted;
                               wanted.mr_signer = cache_enclave().mr_signer;
                               wanted.isv_prod_id = 0x5403;
                               policy.caches = {wanted};
                             },
                             {"caches[0].isv_prod_id"}},
                      Clause{"AnIsvSvnThatIsTooLow",
                             [](World&, keys::Policy& policy) {
                               attest::EnclaveRequirement wanted;
                               wanted.mr_signer = cache_enclave().mr_signer;
                               wanted.isv_prod_id = 0x5402;
                               wanted.min_isv_svn = 2;
                               policy.caches = {wanted};
                             },
                             {"caches[0]", "isv_svn"}},
                      Clause{"AnotherPlatformInstance",
                             [](World&, keys::Policy& policy) {
                               policy.platform.any_platform = false;
                               policy.platform.platforms = {Bytes(16, 1)};
                             },
                             {"platform.platforms"}},
                      Clause{"AnOutOfDateTcb",
                             [](World& world, keys::Policy&) {
                               world.machine.set_condition(simulator::Condition::TcbOutOfDate);
                             },
                             {"tcb_statuses", "OutOfDate"}},
                      Clause{"ANewerEvaluationIsWanted",
                             [](World&, keys::Policy& policy) {
                               policy.platform.min_tcb_evaluation_data_number = 1'000'000;
                             },
                             {"tcb_evaluation_data_number"}},
                      Clause{"NotYet",
                             [](World& world, keys::Policy& policy) {
                               policy.not_before = world.clock.now() + std::chrono::hours(1);
                             },
                             {"not_before"}},
                      Clause{"NoLonger",
                             [](World& world, keys::Policy& policy) {
                               policy.not_after = world.clock.now() - std::chrono::hours(1);
                             },
                             {"not_after"}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Releasing, ADebugEnclaveNeverGetsAKey) {
  attest::SgxEnclave debug = cache_enclave();
  debug.attributes[0] |= 0x02;
  EXPECT_TRUE(refused(server_->release(world_.claims(debug), World::request(story_)),
                      ErrorCode::Denied, "debug"));
}

TEST_F(Releasing, AWorkerOrAKeyServerIsNoCache) {
  for (const auto& enclave :
       {keyserver_enclave(), testing::fake_enclave(testing::kFakeWorker, 0x5403)}) {
    EXPECT_TRUE(refused(server_->release(world_.claims(enclave), World::request(story_)),
                        ErrorCode::Denied, "caches"));
  }
}

TEST_F(Releasing, ModelsAndVersionsThatAreNotThereAreNotFound) {
  EXPECT_TRUE(refused(ask(2), ErrorCode::NotFound, "version 2"));
  const Story unknown = world_.story(*server_, "bert");
  EXPECT_TRUE(refused(server_->release(world_.cache(), World::request(unknown)),
                      ErrorCode::NotFound, "bert"));
  const Story others = world_.others_story(*server_);
  EXPECT_TRUE(refused(server_->release(world_.cache(), World::request(others)), ErrorCode::NotFound,
                      "no such model"));
  keys::ReleaseRequest odd = World::request(story_);
  odd.name = "../resnet50";
  EXPECT_TRUE(refused(server_->release(world_.cache(), odd), ErrorCode::InvalidArgument, ""));
}

TEST_F(Releasing, AVersionBelowTheOwnersMinimumIsRefused) {
  World::tell_version(*server_, story_, 2, 2);
  ASSERT_TRUE(ask(1));
  tell(Story::of(StatementKind::Minimum, 2));
  EXPECT_TRUE(refused(ask(1), ErrorCode::Denied, "minimum"));
  EXPECT_TRUE(refused(ask(1, true), ErrorCode::Denied, "minimum"));
  EXPECT_TRUE(ask(2));
}

TEST_F(Releasing, TheNextRenewalAfterARevocationIsRefused) {
  World::tell_version(*server_, story_, 2, 2);
  ASSERT_TRUE(ask(1) && ask(2));
  tell(Story::of(StatementKind::Revoke, 1));
  EXPECT_TRUE(refused(ask(1, true), ErrorCode::Denied, "revoked"));
  EXPECT_TRUE(ask(2, true));
  tell(Story::of(StatementKind::Revoke));
  EXPECT_TRUE(refused(ask(2, true), ErrorCode::Denied, "revoked"));
  server_ = world_.open();
  EXPECT_TRUE(refused(ask(2), ErrorCode::Denied, "revoked"));
}

TEST_F(Releasing, ASuspensionEndsWhenItsOwnerSaysSo) {
  tell(Story::of(StatementKind::Suspend));
  EXPECT_TRUE(refused(ask(), ErrorCode::Denied, "suspended"));
  server_ = world_.open();
  EXPECT_TRUE(refused(ask(), ErrorCode::Denied, "suspended"));
  tell(Story::of(StatementKind::Resume));
  EXPECT_TRUE(ask());
}

TEST_F(Releasing, NoLeaseOutlivesThePolicy) {
  tell_policy([&](keys::Policy& policy) {
    policy.not_after = world_.clock.now() + std::chrono::seconds(90);
  });
  EXPECT_EQ(ask().value().lease.seconds, 90u);
  world_.clock.advance(std::chrono::milliseconds(89'500));
  EXPECT_EQ(ask().value().lease.seconds, 1u);
  world_.clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(refused(ask(), ErrorCode::Denied, "not_after"));
}

TEST_F(Releasing, AClockSetBackBehindTheOwnersStatementsDoesNotReopenAPolicy) {
  const TimePoint before = world_.clock.now();
  const attest::Claims cache = world_.cache();
  story_.set_time(before + std::chrono::hours(2));
  tell_policy([&](keys::Policy& policy) { policy.not_after = before + std::chrono::hours(1); });
  const auto release = server_->release(cache, World::request(story_));
  EXPECT_TRUE(refused(release, ErrorCode::Denied, "not_after"));
}

TEST_F(Releasing, OneOwnersStatementsDoNotMoveAnothersTime) {
  Story others = world_.others_story(*server_);
  others.set_time(world_.clock.now() + std::chrono::hours(24 * 3650));
  world_.register_model(*server_, others, 2);
  tell_policy(
      [&](keys::Policy& policy) { policy.not_after = world_.clock.now() + std::chrono::hours(1); });
  EXPECT_TRUE(ask());
}

TEST_F(Releasing, OwnersAndCachesMayAskAtOnce) {
  constexpr int kRounds = 20;
  Story others = world_.others_story(*server_);
  world_.register_model(*server_, others, 2);
  const attest::Claims cache = world_.cache();
  std::vector<std::thread> threads;
  for (const Story* story : {&story_, &others}) {
    threads.emplace_back([&, story] {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_TRUE(server_->release(cache, World::request(*story)));
        EXPECT_TRUE(server_->list(story->owner()));
      }
    });
  }
  for (int i = 0; i < kRounds; ++i) {
    tell(Story::policy(StatementKind::Policy, world_.policy()));
  }
  for (std::thread& thread : threads) thread.join();
  server_ = world_.open();
  for (const Story* story : {&story_, &others}) {
    EXPECT_EQ(server_->list(story->owner())->at("models").at(0).at("grants"), kRounds);
  }
}

}  // namespace
}  // namespace torchkeep::keyserver
