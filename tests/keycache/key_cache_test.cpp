#include "torchkeep/keycache/key_cache.h"

#include "tests/keycache/site.h"

namespace torchkeep::keycache {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::fake_data_key;

TEST(KeyCache, ReleasesTheKeyAndAsksTheKeyServerOnce) {
  Site site;
  const keys::ReleaseRequest asked = site.request();
  const auto first = site.ask(asked);
  ASSERT_TRUE(first) << first.error();
  EXPECT_TRUE(equal(first->data_key->expose(), fake_data_key(1).expose()));
  EXPECT_EQ(first->lease.nonce, asked.nonce);
  EXPECT_EQ(first->lease.seconds, 3600u);
  EXPECT_EQ(first->statements.size(), 2u);
  ASSERT_TRUE(site.ask());
  ASSERT_EQ(site.key_server.requests().size(), 1u);
  EXPECT_NE(site.key_server.requests()[0].nonce, asked.nonce);
  EXPECT_TRUE(site.log.contains("leased the key of \"resnet50\" version 1"));
  EXPECT_TRUE(site.log.contains("released the key of \"resnet50\" version 1 for worker SGX enclave 3333"));
}

TEST(KeyCache, ReleasesWhatAWorkerAccepts) {
  Site site;
  const keys::ReleaseRequest asked = site.request();
  auto release = site.ask(asked);
  ASSERT_TRUE(release) << release.error();
  const auto opened = keys::open_release(std::move(release).value(), asked, std::nullopt, nullptr);
  EXPECT_TRUE(opened) << opened.error();
}

TEST(KeyCache, GrantsNoLongerThanItsOwnLease) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(20));
  EXPECT_EQ(site.ask()->lease.seconds, 2400u);
  EXPECT_EQ(site.key_server.requests().size(), 1u);
}

TEST(KeyCache, GrantsNoLongerThanThePolicyItself) {
  Site site([](keys::Policy& p) { p.not_after = parse_rfc3339("2026-11-23T10:10:00Z").value(); });
  EXPECT_EQ(site.ask()->lease.seconds, 600u);
  site.clock.advance(minutes(10));
  EXPECT_REFUSED(site.ask(), ErrorCode::Denied, "not_after");
}

TEST(KeyCache, SendsNoKeyToAWorkerThatHoldsIt) {
  Site site;
  ASSERT_TRUE(site.ask());
  keys::ReleaseRequest renewal = site.request();
  renewal.renewal = true;
  const auto renewed = site.ask(renewal);
  ASSERT_TRUE(renewed) << renewed.error();
  EXPECT_FALSE(renewed->data_key);
}

TEST(KeyCache, RenewsInTheSecondHalfWithoutTheKeyMoving) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(30));
  EXPECT_EQ(site.ask()->lease.seconds, 3600u);
  ASSERT_EQ(site.key_server.requests().size(), 2u);
  EXPECT_TRUE(site.key_server.requests()[1].renewal);
}

TEST(KeyCache, LearnsOfANewPolicyWhenItRenews) {
  Site site;
  ASSERT_TRUE(site.ask());
  keys::Policy other = site.policy;
  other.workers = {testing::fake_requirement(0x44)};
  site.owner.say(site.owner.next_policy(other));
  site.key_server.serve(site.owner);
  EXPECT_TRUE(site.ask());
  site.clock.advance(minutes(30));
  EXPECT_REFUSED(site.ask(), ErrorCode::Denied, "mr_enclave");
}

TEST(KeyCache, GoesOnWithinTheGraceWhileTheKeyServerIsAway) {
  Site site([](keys::Policy& p) { p.offline_grace_seconds = 2400; });
  ASSERT_TRUE(site.ask());
  site.key_server.refuse_with(unavailable("nobody answers"));
  site.clock.advance(seconds(2399));
  EXPECT_TRUE(site.ask());
  EXPECT_TRUE(site.log.contains("without the key server"));
  site.clock.advance(seconds(1));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
  site.key_server.heal();
  EXPECT_TRUE(site.ask());
}

TEST(KeyCache, StopsAtHalfTimeWithoutGrace) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.key_server.refuse_with(unavailable("nobody answers"));
  site.clock.advance(minutes(29));
  EXPECT_TRUE(site.ask());
  site.clock.advance(minutes(1));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
}

TEST(KeyCache, NeverReleasesPastTheLeaseHoweverLongTheGrace) {
  Site site([](keys::Policy& p) { p.offline_grace_seconds = 2'592'000; });
  ASSERT_TRUE(site.ask());
  site.key_server.refuse_with(unavailable("nobody answers"));
  site.clock.advance(seconds(3599));
  EXPECT_EQ(site.ask()->lease.seconds, 1u);
  site.clock.advance(seconds(1));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
  EXPECT_EQ(site.cache->held(), 0u);
}

TEST(KeyCache, IsNotHelpedByAKeyServerThatDoesNotProveItself) {
  Site site([](keys::Policy& p) { p.offline_grace_seconds = 3600; });
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(30));
  site.key_server.refuse_with(untrusted("this is no key server"));
  EXPECT_REFUSED(site.ask(), ErrorCode::Untrusted, "no key server");
  EXPECT_EQ(site.cache->held(), 1u);
}

TEST(KeyCache, WipesWhatIsOver) {
  Site site;
  ASSERT_TRUE(site.ask());
  EXPECT_EQ(site.lease_files(), 1u);
  site.clock.advance(seconds(3599));
  site.cache->expire();
  EXPECT_EQ(site.cache->held(), 1u);
  site.clock.advance(seconds(1));
  site.cache->expire();
  EXPECT_EQ(site.cache->held(), 0u);
  EXPECT_EQ(site.lease_files(), 0u);
  EXPECT_TRUE(site.log.contains("wiped: its lease is over"));
}

TEST(KeyCache, AsksForTheKeyAnewOnceTheLeaseIsOver) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(60));
  ASSERT_TRUE(site.ask());  // Nobody has called `expire` yet.
  EXPECT_FALSE(site.key_server.requests()[1].renewal);
}

TEST(KeyCache, IsNotMovedByAClockThatGoesBack) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(20));
  EXPECT_EQ(site.ask()->lease.seconds, 2400u);
  site.clock.advance(-minutes(300));
  EXPECT_EQ(site.ask()->lease.seconds, 2400u);
}

TEST(KeyCache, CountsOnWhereTheHostsClockIsBehindTheOwners) {
  Site site;
  // The newest statement is of 09:01; a host that says 08:00 is an hour slow.
  site.clock.set(parse_rfc3339("2026-11-23T08:00:00Z").value());
  EXPECT_EQ(site.ask()->lease.seconds, 3600u);
  site.clock.advance(minutes(20));
  EXPECT_EQ(site.ask()->lease.seconds, 2400u);
  site.clock.advance(minutes(40));
  site.cache->expire();
  EXPECT_EQ(site.cache->held(), 0u);
}

TEST(KeyCache, HandsOutEachCountedRequestOnce) {
  Site site([](keys::Policy& p) { p.lease_requests = 100; });
  EXPECT_EQ(site.ask()->lease.requests, 100u);
  ASSERT_EQ(site.key_server.requests().size(), 1u);
  EXPECT_EQ(site.ask()->lease.requests, 100u);
  EXPECT_EQ(site.key_server.requests().size(), 2u);
  site.key_server.refuse_with(unavailable("nobody answers"));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
}

TEST(KeyCache, WipesWhatItsOwnerRevoked) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.owner.say(site.owner.next_revoke(1));
  site.key_server.serve(site.owner);
  site.clock.advance(minutes(30));
  EXPECT_REFUSED(site.ask(), ErrorCode::Denied, "revoked");
  EXPECT_EQ(site.cache->held(), 0u);
  EXPECT_EQ(site.lease_files(), 0u);
  EXPECT_TRUE(site.log.contains("wiped"));
}

TEST(KeyCache, WipesWhatTheKeyServerDenies) {
  for (const ErrorCode code : {ErrorCode::Denied, ErrorCode::NotFound}) {
    Site site;
    ASSERT_TRUE(site.ask());
    site.key_server.refuse_with({code, "suspended"});
    site.clock.advance(minutes(30));
    EXPECT_REFUSED(site.ask(), code, "suspended");
    EXPECT_EQ(site.cache->held(), 0u);
  }
}

TEST(KeyCache, AsksOnceForManyWhoWait) {
  Site site;
  site.key_server.close_gate();
  std::vector<testing::Slot<Result<keys::Release>>> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(testing::start(
        site.io, site.cache->release(site.worker, site.owner.key(), site.request())));
  }
  site.io.poll();
  EXPECT_EQ(site.key_server.requests().size(), 1u);
  for (const auto& slot : waiting) EXPECT_FALSE(slot->has_value());
  site.key_server.open_gate();
  site.io.run();
  for (const auto& slot : waiting) {
    ASSERT_TRUE(slot->has_value());
    EXPECT_TRUE(slot->value()) << slot->value().error();
  }
  EXPECT_EQ(site.key_server.requests().size(), 1u);
}

TEST(KeyCache, TellsAllWhoWaitThatItFailed) {
  Site site;
  site.key_server.close_gate();
  site.key_server.refuse_with(denied("not this cache"));
  std::vector<testing::Slot<Result<keys::Release>>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(testing::start(
        site.io, site.cache->release(site.worker, site.owner.key(), site.request())));
  }
  site.io.poll();
  site.key_server.open_gate();
  site.io.run();
  for (const auto& slot : waiting)
    EXPECT_REFUSED(slot->value(), ErrorCode::Denied, "not this cache");
  site.key_server.heal();
  EXPECT_TRUE(site.ask());
}

TEST(KeyCache, TakesInNothingThatEndedWhileItWasRenewed) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(45));
  site.key_server.close_gate();
  const auto slot =
      testing::start(site.io, site.cache->release(site.worker, site.owner.key(), site.request()));
  site.io.restart();
  site.io.poll();
  site.clock.advance(minutes(15));
  site.cache->expire();
  site.key_server.open_gate();
  site.io.run();
  EXPECT_REFUSED(slot->value(), ErrorCode::Unavailable, "ask again");
  EXPECT_EQ(site.cache->held(), 0u);
}

TEST(KeyCache, MayGoBeforeTheCallsThatItsEventLoopTearsDown) {
  Site site;
  auto io = std::make_unique<asio::io_context>();
  site.key_server.close_gate();
  for (int i = 0; i < 3; ++i) {
    testing::start(*io, site.cache->release(site.worker, site.owner.key(), site.request()));
  }
  io->poll();
  site.cache.reset();
  io.reset();
}

TEST(KeyCache, SeparatesVersionsAndOwners) {
  Site site;
  site.owner.say(site.owner.next_version(2));
  site.key_server.serve(site.owner);
  ASSERT_TRUE(site.ask(site.request(1)));
  const auto second = site.ask(site.request(2));
  ASSERT_TRUE(second) << second.error();
  EXPECT_TRUE(equal(second->data_key->expose(), fake_data_key(2).expose()));
  EXPECT_EQ(site.cache->held(), 2u);
  EXPECT_REFUSED(site.ask(site.request(3)), ErrorCode::NotFound, "version 3");
}

}  // namespace
}  // namespace torchkeep::keycache
