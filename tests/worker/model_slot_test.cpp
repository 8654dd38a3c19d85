#include "torchkeep/worker/model_slot.h"

#include "tests/worker/fixture.h"

namespace torchkeep::worker {
namespace {

Error away() { return unavailable("nobody answers"); }

TEST(ModelSlot, ServesOnceItsKeyIsThereAndItsContainerIsLoaded) {
  Worker worker;
  const auto slot = worker.slot();
  EXPECT_EQ(slot->state(), SlotState::Loading);
  EXPECT_EQ(slot->admit(nullptr).error().code, ErrorCode::Unavailable);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  EXPECT_TRUE(worker.log.contains("serving \"resnet50\" version 1: 1234 bytes of parameters"));
  EXPECT_TRUE(slot->admit(nullptr));
  EXPECT_EQ(slot->reason(), "");
  EXPECT_EQ(worker.keys.requests, 1);
  EXPECT_EQ(worker.loader.loads, 1);
}

TEST(ModelSlot, RenewsItsLeaseAtHalfOfItsTime) {
  Worker worker;
  const auto slot = worker.served();
  worker.pass(49s, *slot);
  EXPECT_EQ(worker.keys.renewals, 0);
  worker.pass(1s, *slot);
  EXPECT_EQ(worker.keys.renewals, 1);
  for (int i = 0; i < 10; ++i) worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Ready);
  EXPECT_EQ(worker.keys.renewals, 11);
  EXPECT_EQ(worker.keys.requests, 1);
  EXPECT_EQ(worker.loader.loads, 1);
}

TEST(ModelSlot, IsWipedWhenItsLeaseEnds) {
  Worker worker;
  const auto slot = worker.served();
  worker.keys.failure = away();
  worker.clock.advance(100s);
  // Even before anything was done about it:
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  EXPECT_EQ(slot->admit(nullptr).error().message,
            "model \"resnet50\" version 1 is not served: its lease has ended");
  EXPECT_EQ(worker.engines->alive, 1);
  worker.pass(0s, *slot);
  worker.wait_for_inference();
  EXPECT_EQ(worker.engines->alive, 0);
  EXPECT_EQ(slot->reason(), "its lease has ended");
  EXPECT_TRUE(worker.log.contains("resnet50 version 1: stopped: Unavailable: its lease has ended"));
}

TEST(ModelSlot, CountsItsLeaseFromBeforeItWasAskedFor) {
  Worker worker;
  worker.keys.meanwhile = [&] { worker.clock.advance(90s); };
  const auto slot = worker.served();
  worker.keys.meanwhile = {};
  worker.clock.advance(9s);
  EXPECT_EQ(slot->state(), SlotState::Ready);
  worker.clock.advance(1s);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
}

TEST(ModelSlot, OutlivesAKeySourceThatIsAwayForAWhile) {
  Worker worker;
  const auto slot = worker.served();
  worker.keys.failure = away();
  worker.pass(50s, *slot);
  EXPECT_EQ(worker.keys.renewals, 1);
  worker.pass(0s, *slot);
  EXPECT_EQ(worker.keys.renewals, 1) << "no second question without a pause";
  for (int i = 0; i < 40; ++i) worker.pass(1s, *slot);
  EXPECT_GT(worker.keys.renewals, 3);
  EXPECT_EQ(slot->state(), SlotState::Ready);
  EXPECT_EQ(worker.log.count("renewing its lease: nobody answers"), 1u) << "said once";

  worker.keys.failure.reset();
  for (int i = 0; i < 9; ++i) worker.pass(1s, *slot);
  EXPECT_TRUE(worker.log.contains("its lease is renewed again"));
  worker.keys.failure = away();
  worker.pass(49s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Ready);
}

TEST(ModelSlot, ComesBackAfterAnOutageThatWasTooLong) {
  Worker worker;
  const auto slot = worker.served();
  worker.keys.failure = away();
  worker.pass(100s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  worker.keys.failure.reset();
  worker.clock.advance(1s);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  EXPECT_EQ(worker.keys.requests, 2);
  EXPECT_EQ(worker.loader.loads, 2);
}

class RefusedRenewals : public ::testing::TestWithParam<ErrorCode> {};

TEST_P(RefusedRenewals, EndTheModelAtOnce) {
  Worker worker;
  const auto slot = worker.served();
  worker.keys.failure = Error{GetParam(), "no"};
  worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  worker.wait_for_inference();
  EXPECT_EQ(worker.engines->alive, 0);
  EXPECT_TRUE(worker.log.contains(
      text("resnet50 version 1: stopped: ", name_of(GetParam()), ": renewing its lease: no")));
}

INSTANTIATE_TEST_SUITE_P(All, RefusedRenewals,
                         ::testing::Values(ErrorCode::Denied, ErrorCode::Untrusted,
                                           ErrorCode::NotFound),
                         [](const auto& one) { return std::string(name_of(one.param)); });

TEST(ModelSlot, EndsWhenItsOwnerRevokesIt) {
  Worker worker;
  const auto slot = worker.served();
  worker.owner.say(worker.owner.next_revoke(1));
  worker.keys.statements = worker.owner.statements();
  worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  EXPECT_EQ(slot->reason(), "revoked by its owner, or refused by its owner's policy");
}

TEST(ModelSlot, EndsItsOperatorsWhenAPolicyNoLongerAllowsThem) {
  keys::Policy policy = open_policy();
  policy.operator_mode = true;
  Worker worker(policy);
  worker.engines->operators.emplace_back().name = "fc";
  const auto slot = worker.served();
  worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Ready) << "the policy still allows it";
  worker.owner.say(worker.owner.next_policy(open_policy()));
  worker.keys.statements = worker.owner.statements();
  worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  EXPECT_TRUE(worker.log.contains("clause operator_mode"));
  worker.wait_for_inference();
  EXPECT_EQ(worker.engines->alive, 0);
}

TEST(ModelSlot, AsksAgainWhenAPolicyForbidsOperators) {
  Worker worker;
  worker.loader.failure = denied("clause operator_mode");
  const auto slot = worker.slot();
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Stopped; });
  EXPECT_EQ(slot->reason(), "its owner's policy does not allow that single operators are called");
  worker.loader.failure.reset();  // its owner has signed another
  worker.clock.advance(1s);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  EXPECT_EQ(worker.keys.requests, 2);
}

TEST(ModelSlot, EndsIfAnotherDigestIsSignedForItsVersion) {
  Worker worker;
  const auto slot = worker.served();
  // The same owner, but another history: what a forked key server could show.
  testing::FakeOwner fork(1);
  fork.say(fork.next_register(open_policy()));
  keys::Statement other = fork.next_version(1);
  other.container_digest.bytes.fill(0xee);
  fork.say(other);
  worker.keys.statements = fork.statements();
  worker.pass(50s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  EXPECT_TRUE(worker.log.contains("another container digest"));
}

TEST(ModelSlot, AsksForALeaseAheadOfTheEndOfItsRequests) {
  Worker worker;
  worker.keys.lease_requests = 8;
  const auto slot = worker.served();
  const auto take = [&] {
    auto admitted = slot->admit(nullptr);
    ASSERT_TRUE(admitted);
    EXPECT_TRUE(admitted->lease->take_request());
    worker.pass(0s, *slot);
  };
  for (int i = 0; i < 5; ++i) take();
  EXPECT_EQ(worker.keys.renewals, 0);
  take();
  EXPECT_EQ(worker.keys.renewals, 1);
  for (int i = 0; i < 5; ++i) take();
  EXPECT_EQ(worker.keys.renewals, 1) << "the new lease has all of its eight";
}

TEST(ModelSlot, IsWipedWhenItsRequestsAreUsedUpAndNoMoreAreToBeHad) {
  Worker worker;
  worker.keys.lease_requests = 2;
  const auto slot = worker.served();
  worker.keys.failure = away();
  const auto admitted = slot->admit(nullptr);
  EXPECT_TRUE(admitted->lease->take_request());
  worker.pass(0s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Ready);
  EXPECT_TRUE(admitted->lease->take_request());
  EXPECT_EQ(admitted->lease->take_request().error().code, ErrorCode::Unavailable);
  worker.pass(1s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
}

TEST(ModelSlot, StopsAtTheDateThatItsPolicyNames) {
  keys::Policy policy = open_policy();
  policy.not_after = testing::FakeClock().now() + 30s;
  Worker worker(policy);
  const auto slot = worker.served();
  worker.clock.advance(30s);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
}

struct Refusal {
  const char* name;
  ErrorCode code;
  Duration pause;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
class RefusedKeys : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedKeys, AreAskedForAgainAfterAPause) {
  Worker worker;
  worker.keys.failure = Error{GetParam().code, "no"};
  const auto slot = worker.slot();
  worker.pass(0s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  EXPECT_TRUE(worker.log.contains(
      text("resnet50 version 1: ", name_of(GetParam().code), ": asking for its key: no")));
  worker.pass(GetParam().pause - 1ms, *slot);
  EXPECT_EQ(worker.keys.requests, 1);
  worker.keys.failure.reset();
  worker.pass(1ms, *slot);
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  EXPECT_EQ(worker.keys.requests, 2);
}

INSTANTIATE_TEST_SUITE_P(All, RefusedKeys,
                         ::testing::Values(Refusal{"Away", ErrorCode::Unavailable, 1s},
                                           Refusal{"Denied", ErrorCode::Denied, 1s},
                                           Refusal{"NotRegistered", ErrorCode::NotFound, 1s},
                                           Refusal{"AnotherPeer", ErrorCode::Untrusted, 60s}),
                         [](const auto& one) { return one.param.name; });

TEST(ModelSlot, AsksEverMoreSeldomAndSaysSoEverMoreSeldom) {
  Worker worker;
  worker.keys.failure = away();
  const auto slot = worker.slot();
  worker.pass(0s, *slot);
  for (int i = 0; i < 300; ++i) worker.pass(1s, *slot);
  // After 0, 1, 3, 7, 15, 31, 61, 91, ... seconds.
  EXPECT_EQ(worker.keys.requests, 14);
  EXPECT_EQ(worker.log.count("asking for its key"), 4u);
}

TEST(ModelSlot, DoesNotReadABadContainerAgainBeforeItChanges) {
  for (const ErrorCode code : {ErrorCode::Untrusted, ErrorCode::Malformed, ErrorCode::NotFound}) {
    Worker worker;
    worker.loader.failure = Error{code, "container: segment 3: the tag does not match"};
    const auto slot = worker.slot();
    slot->tick();
    worker.run_until([&] { return slot->state() == SlotState::Stopped; });
    EXPECT_TRUE(worker.log.contains("resnet50 version 1: "));
    EXPECT_TRUE(worker.log.contains("segment 3: the tag does not match; not tried again"));
    worker.pass(1h, *slot);
    EXPECT_EQ(worker.keys.requests, 1);
    worker.loader.failure.reset();
    slot->replace(worker.place());
    slot->tick();
    worker.run_until([&] { return slot->state() == SlotState::Ready; });
  }
}

TEST(ModelSlot, ReadsAContainerAgainThatCouldNotBeRead) {
  Worker worker;
  worker.loader.failure = unavailable("memory is short");
  const auto slot = worker.slot();
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Stopped; });
  worker.loader.failure.reset();
  worker.clock.advance(1s);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
}

TEST(ModelSlot, AsksForNoKeyIfItsConfigurationIsWrong) {
  Worker worker;
  ASSERT_TRUE(store_file(worker.folder / "config.json", as_bytes(R"({"any_client":true})")));
  ModelPlace place = worker.place();
  place.config = worker.folder / "config.json";
  const auto slot = std::make_shared<ModelSlot>(place, worker.bench);
  worker.pass(0s, *slot);
  EXPECT_EQ(slot->reason(), "its config.json is not valid");
  EXPECT_TRUE(worker.log.contains("unknown field \"any_client\""));
  worker.pass(1h, *slot);
  EXPECT_EQ(worker.keys.requests, 0);
}

TEST(ModelSlot, GivesUpALoadThatOutlastsItsLease) {
  Worker worker;
  worker.loader.until_abandoned = true;
  const auto slot = worker.slot();
  slot->tick();
  worker.run_until([&] { return worker.loader.loads == 1; });
  worker.keys.failure = away();
  worker.pass(100s, *slot);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  worker.loader.until_abandoned = false;
  worker.keys.failure.reset();
  worker.clock.advance(1s);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  worker.run_until([&] { return worker.engines->alive == 1; });
}

TEST(ModelSlot, RenewsTheLeaseOfAModelThatStillLoads) {
  Worker worker;
  worker.loader.until_abandoned = true;
  const auto slot = worker.slot();
  slot->tick();
  worker.run_until([&] { return worker.loader.loads == 1; });
  worker.pass(60s, *slot);
  worker.pass(60s, *slot);
  EXPECT_EQ(worker.keys.renewals, 2);
  EXPECT_EQ(slot->state(), SlotState::Loading);
  slot->stop(unavailable("the worker ends"));
}

TEST(ModelSlot, LetsNobodyAskIfItsPolicyNamesNoClients) {
  Worker worker(testing::fake_policy());
  const auto slot = worker.served();
  const auto refused = slot->admit(nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Denied);
  EXPECT_NE(refused.error().message.find("any_client"), std::string::npos);
  EXPECT_EQ(slot->look(nullptr).error().code, ErrorCode::Denied);

  channel::AttestedPeer peer{tee::Role::Owner, {}, testing::fake_owner_key(9).public_key(), {}, {}};
  EXPECT_EQ(slot->admit(&peer).error().code, ErrorCode::Denied) << "another owner";
  peer.owner = worker.owner.key();
  EXPECT_TRUE(slot->admit(&peer)) << "its own";
}

TEST(ModelSlot, TakesNoMoreRequestsThanItsQueueHolds) {
  Worker worker;
  ASSERT_TRUE(store_file(worker.folder / "config.json", as_bytes(R"({"max_queue":2})")));
  ModelPlace place = worker.place();
  place.config = worker.folder / "config.json";
  const auto slot = std::make_shared<ModelSlot>(place, worker.bench);
  slot->tick();
  worker.run_until([&] { return slot->state() == SlotState::Ready; });
  auto first = slot->admit(nullptr);
  const auto second = slot->admit(nullptr);
  const auto third = slot->admit(nullptr);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::Unavailable);
  EXPECT_NE(third.error().message.find("2 requests wait"), std::string::npos);
  first->queue_place.reset();
  EXPECT_TRUE(slot->admit(nullptr));
}

TEST(ModelSlot, IsKeptByARunningRequestAndWipedBehindIt) {
  Worker worker;
  const auto slot = worker.served();
  auto admitted = slot->admit(nullptr);
  slot->stop(unavailable("the worker ends"));
  worker.wait_for_inference();
  EXPECT_EQ(worker.engines->alive, 1);
  EXPECT_TRUE(admitted->lease->take_request()) << "an end in peace answers those who were let in";
  admitted->engine.reset();
  EXPECT_EQ(worker.engines->alive, 0);
  EXPECT_EQ(slot->state(), SlotState::Stopped);
  worker.pass(1h, *slot);
  EXPECT_EQ(worker.keys.requests, 1) << "an end for good";
}

TEST(ModelSlot, RefusesThoseWhoWaitedTooLong) {
  Worker worker;
  const auto slot = worker.served();
  const auto admitted = slot->admit(nullptr);
  worker.keys.failure = denied("revoked");
  worker.pass(50s, *slot);
  EXPECT_FALSE(admitted->lease->take_request());
}

}  // namespace
}  // namespace torchkeep::worker
