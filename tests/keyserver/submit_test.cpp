#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"
#include "tests/support/failing_platform.h"

namespace torchkeep::keyserver {
namespace {

using keys::StatementKind;

class Submitting : public ::testing::Test {
 protected:
  World world_;
  std::unique_ptr<KeyServer> server_ = world_.open();
  Story story_ = world_.story(*server_);

  json::Json models(const keys::OwnerKey& owner) {
    auto listed = server_->list(owner);
    EXPECT_TRUE(listed) << listed.error();
    return listed.value().at("models");
  }
};

TEST_F(Submitting, TakesInEveryKindOfStatement) {
  world_.register_model(*server_, story_, 1);
  World::tell_version(*server_, story_, 2, 2);
  World::tell(*server_, story_, Story::policy(StatementKind::Policy, world_.policy()));
  World::tell(*server_, story_, Story::of(StatementKind::Suspend));
  World::tell(*server_, story_, Story::of(StatementKind::Resume));
  World::tell(*server_, story_, Story::of(StatementKind::Minimum, 2));
  World::tell(*server_, story_, Story::of(StatementKind::Revoke, 1));
  const keys::Receipt last = World::tell(*server_, story_, Story::of(StatementKind::Revoke));
  EXPECT_EQ(last.log_position, 9u);
}

TEST_F(Submitting, ReceiptsNameTheStatementAndItsPlaceInTheLog) {
  const keys::Submission said = story_.say(Story::policy(StatementKind::Register, world_.policy()));
  const auto receipt = server_->submit(story_.owner(), said);
  ASSERT_TRUE(receipt) << receipt.error();
  EXPECT_EQ(receipt->log_position, 1u);
  EXPECT_EQ(receipt->statement, keys::hash_of(said.statement));
}

TEST_F(Submitting, TheNewestStatementAgainGetsTheSameReceipt) {
  world_.register_model(*server_, story_, 1);
  const auto data_key = testing::fake_data_key(2);
  const keys::Submission said = story_.say(Story::version(2, data_key), data_key.clone());
  const auto first = server_->submit(story_.owner(), said);
  const auto again = server_->submit(story_.owner(), said);
  ASSERT_TRUE(first && again) << again.error();
  EXPECT_EQ(again->log_position, first->log_position);
  EXPECT_EQ(again->statement, first->statement);
  server_ = world_.open();
  const auto restarted = server_->submit(story_.owner(), said);
  ASSERT_TRUE(restarted) << restarted.error();
  EXPECT_EQ(restarted->log_position, first->log_position);
}

TEST_F(Submitting, AnOlderStatementAgainIsRefused) {
  const keys::Submission first =
      story_.say(Story::policy(StatementKind::Register, world_.policy()));
  ASSERT_TRUE(server_->submit(story_.owner(), first));
  World::tell(*server_, story_, Story::of(StatementKind::Suspend));
  EXPECT_TRUE(refused(server_->submit(story_.owner(), first), ErrorCode::Denied, "before"));
}

TEST_F(Submitting, AnotherOwnersSessionIsRefused) {
  const keys::Submission said = story_.say(Story::policy(StatementKind::Register, world_.policy()));
  EXPECT_TRUE(refused(server_->submit(testing::fake_owner_key(kOtherOwner).public_key(), said),
                      ErrorCode::Denied, "connect with the key that signed it"));
  ASSERT_TRUE(server_->submit(story_.owner(), said));
  // Nor does a receipt tell another owner that the statement is here.
  EXPECT_TRUE(refused(server_->submit(testing::fake_owner_key(kOtherOwner).public_key(), said),
                      ErrorCode::Denied, "connect with the key that signed it"));
}

TEST_F(Submitting, TwoOwnersModelsOfOneNameAreTwoModels) {
  Story other = world_.others_story(*server_);
  world_.register_model(*server_, story_, 1);
  world_.register_model(*server_, other, 2);
  World::tell(*server_, other, Story::of(StatementKind::Revoke));
  ASSERT_EQ(models(story_.owner()).size(), 1u);
  EXPECT_FALSE(models(story_.owner())[0].at("revoked").get<bool>());
  EXPECT_TRUE(models(other.owner())[0].at("revoked").get<bool>());
}

TEST_F(Submitting, ADekSeenBeforeIsRefusedWhoeverBroughtIt) {
  world_.register_model(*server_, story_, 1);
  Story second = world_.story(*server_, "bert");
  World::tell(*server_, second, Story::policy(StatementKind::Register, world_.policy()));
  Story others = world_.others_story(*server_);
  World::tell(*server_, others, Story::policy(StatementKind::Register, world_.policy()));
  const auto data_key = testing::fake_data_key(1);
  std::string told;
  for (Story* story : {&second, &others}) {
    const auto again = server_->submit(story->owner(),
                                       story->draft(Story::version(1, data_key), data_key.clone()));
    ASSERT_TRUE(refused(again, ErrorCode::Denied, "seen this DEK before"));
    // The same words for both: they name neither owner nor model of the first.
    EXPECT_EQ(again.error().message.find(keys::hex(story_.owner())), std::string::npos);
    EXPECT_EQ(again.error().message.find("resnet50"), story == &others ? 7u : std::string::npos);
  }
  server_ = world_.open();
  EXPECT_TRUE(refused(
      server_->submit(others.owner(), others.draft(Story::version(1, data_key), data_key.clone())),
      ErrorCode::Denied, "seen this DEK before"));
}

TEST_F(Submitting, WhoKnowsOnlyAKeyIdLearnsNothing) {
  world_.register_model(*server_, story_, 1);
  Story others = world_.others_story(*server_);
  World::tell(*server_, others, Story::policy(StatementKind::Register, world_.policy()));
  // The key id of the other owner's DEK, with a DEK of their own: not a word of "seen before".
  const auto probe = server_->submit(
      others.owner(),
      others.draft(Story::version(1, testing::fake_data_key(1)), testing::fake_data_key(9)));
  EXPECT_TRUE(refused(probe, ErrorCode::Untrusted, "another container's DEK"));
}

struct BadSubmission {
  const char* name;
  std::function<keys::Submission(const World&, const Story&)> make;
  ErrorCode code;
  const char* told;
};

class BadSubmissions : public Submitting, public ::testing::WithParamInterface<BadSubmission> {};

TEST_P(BadSubmissions, AreRefusedAndLeaveNothingBehind) {
  world_.register_model(*server_, story_, 1);
  const json::Json before = models(story_.owner());
  const std::size_t writes = world_.store.writes();
  EXPECT_TRUE(refused(server_->submit(story_.owner(), GetParam().make(world_, story_)),
                      GetParam().code, GetParam().told));
  EXPECT_EQ(world_.store.writes(), writes);
  EXPECT_EQ(models(story_.owner()), before);
  // What was right before is right still.
  World::tell_version(*server_, story_, 2, 2);
}

keys::Submission with_policy(const World& world, const Story& story,
                             const std::function<void(keys::Policy&)>& change) {
  keys::Policy policy = world.policy();
  change(policy);
  return story.draft(Story::policy(StatementKind::Policy, std::move(policy)));
}

INSTANTIATE_TEST_SUITE_P(
    KeyServer, BadSubmissions,
    ::testing::Values(
        BadSubmission{"AVersionWithoutItsDek",
                      [](const World&, const Story& story) {
                        return story.draft(Story::version(2, testing::fake_data_key(2)));
                      },
                      ErrorCode::InvalidArgument, "without its DEK"},
        BadSubmission{"ADekThatNobodyAskedFor",
                      [](const World&, const Story& story) {
                        return story.draft(Story::of(StatementKind::Suspend),
                                           testing::fake_data_key(2));
                      },
                      ErrorCode::InvalidArgument, "brings no version"},
        BadSubmission{"AnotherContainersDek",
                      [](const World&, const Story& story) {
                        return story.draft(Story::version(2, testing::fake_data_key(2)),
                                           testing::fake_data_key(3));
                      },
                      ErrorCode::Untrusted, "another container's DEK"},
        BadSubmission{"AVersionThatExists",
                      [](const World&, const Story& story) {
                        return story.draft(Story::version(1, testing::fake_data_key(2)),
                                           testing::fake_data_key(2));
                      },
                      ErrorCode::Denied, "version 1"},
        BadSubmission{"AnotherSignature",
                      [](const World&, const Story& story) {
                        auto said = story.draft(Story::of(StatementKind::Suspend));
                        said.statement.signature[5] ^= 1;
                        return said;
                      },
                      ErrorCode::Untrusted, "signature"},
        BadSubmission{"AnotherWordInTheBody",
                      [](const World&, const Story& story) {
                        auto said = story.draft(Story::of(StatementKind::Minimum, 3));
                        std::string body = to_string(said.statement.body);
                        body.replace(body.find("\"version\":3"), 11, "\"version\":4");
                        said.statement.body = to_bytes(as_bytes(body));
                        return said;
                      },
                      ErrorCode::Untrusted, "signature"},
        BadSubmission{"NoStatementAtAll",
                      [](const World&, const Story& story) {
                        auto said = story.draft(Story::of(StatementKind::Suspend));
                        said.statement.body = to_bytes(as_bytes("hello"));
                        return said;
                      },
                      ErrorCode::Malformed, ""},
        BadSubmission{"AStatementTooFarAhead",
                      [](const World&, const Story& story) {
                        keys::Statement ahead = Story::of(StatementKind::Suspend);
                        ahead.sequence = 1;
                        return story.draft(std::move(ahead));
                      },
                      ErrorCode::Denied, "out of order"},
        BadSubmission{"AnotherBranchOfTheStory",
                      [](const World& world, const Story&) {
                        Story other(kOwner, "resnet50", Genesis{{1}}, world.clock.now());
                        return other.draft(Story::of(StatementKind::Suspend));
                      },
                      ErrorCode::Untrusted, "genesis"},
        BadSubmission{"AnotherKeyServersFirstStatement",
                      [](const World& world, const Story&) {
                        Story other(kOwner, "bert", Genesis{{1}}, world.clock.now());
                        return other.draft(Story::policy(StatementKind::Register, world.policy()));
                      },
                      ErrorCode::Untrusted, "genesis"},
        BadSubmission{"AStoryThatDoesNotBeginAtItsBeginning",
                      [](const World& world, const Story&) {
                        return Story(kOwner, "bert", Genesis{{1}}, world.clock.now())
                            .draft(Story::of(StatementKind::Suspend));
                      },
                      ErrorCode::Denied, "register"},
        BadSubmission{"RegisteredTwice",
                      [](const World& world, const Story& story) {
                        return story.draft(Story::policy(StatementKind::Register, world.policy()));
                      },
                      ErrorCode::Denied, "registered already"},
        BadSubmission{"APolicyForARealPlatform",
                      [](const World& world, const Story& story) {
                        return with_policy(world, story, [](keys::Policy& policy) {
                          policy.platform.simulated = false;
                        });
                      },
                      ErrorCode::Denied, "simulated"},
        BadSubmission{"APolicyWithAnotherRoot",
                      [](const World& world, const Story& story) {
                        return with_policy(world, story, [](keys::Policy& policy) {
                          policy.platform.roots.push_back(Digest256{7});
                        });
                      },
                      ErrorCode::Denied, "platform.roots"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Submitting, ANewModelForARealPlatformIsRefusedHere) {
  keys::Policy policy = world_.policy();
  policy.platform.simulated = false;
  EXPECT_TRUE(refused(
      server_->submit(story_.owner(), story_.draft(Story::policy(StatementKind::Register, policy))),
      ErrorCode::Denied, "clause platform.simulated: found false, wanted true"));
}

TEST_F(Submitting, AfterARevocationNothingFollows) {
  world_.register_model(*server_, story_, 1);
  World::tell(*server_, story_, Story::of(StatementKind::Revoke));
  EXPECT_TRUE(
      refused(server_->submit(story_.owner(), story_.draft(Story::of(StatementKind::Resume))),
              ErrorCode::Denied, "revoked"));
}

TEST_F(Submitting, AFailedWriteIsToldAndTheSameStatementGoesInLater) {
  const keys::Submission said = story_.say(Story::policy(StatementKind::Register, world_.policy()));
  for (const auto outcome :
       {FailingKeyStore::Outcome::NotWritten, FailingKeyStore::Outcome::Written}) {
    world_.store.fail_write(0, outcome);
    EXPECT_TRUE(
        refused(server_->submit(story_.owner(), said), ErrorCode::Unavailable, "ask again"));
    EXPECT_TRUE(world_.log.contains("the disk of this test does not answer"));
  }
  const auto receipt = server_->submit(story_.owner(), said);
  ASSERT_TRUE(receipt) << receipt.error();
  EXPECT_EQ(receipt->log_position, 1u);
  EXPECT_EQ(world_.memory.contents.log.size(), 2u);
}

TEST_F(Submitting, NothingIsDecidedBeforeADoubtfulWriteIsReadBack) {
  world_.register_model(*server_, story_, 1);
  // The revocation is on the disk, but the store says that it failed, and stays hard to read.
  world_.store.fail_write(0, FailingKeyStore::Outcome::Written);
  ASSERT_FALSE(server_->submit(story_.owner(), story_.say(Story::of(StatementKind::Revoke))));
  // However far the reading comes, no answer is given on what was known before.
  bool settled = false;
  for (std::size_t reads = 0; !settled; ++reads) {
    ASSERT_LT(reads, 100u);
    world_.store.fail_reads_after(reads);
    const auto release = server_->release(world_.cache(), World::request(story_));
    ASSERT_FALSE(release);
    settled = release.error().code == ErrorCode::Denied;
    EXPECT_TRUE(settled || release.error().code == ErrorCode::Unavailable) << release.error();
  }
}

TEST(SubmittingWithoutAPlatform, IsUnavailable) {
  class Switch final : public tee::Platform {
   public:
    explicit Switch(tee::Platform& good) : good_(good) {}
    tee::PlatformKind kind() const override { return good_.kind(); }
    Result<Bytes> make_evidence(const tee::ReportData& data) override {
      return on ? good_.make_evidence(data) : failing_.make_evidence(data);
    }
    Result<SecretBytes> sealing_key(std::string_view purpose) override {
      return on ? good_.sealing_key(purpose) : failing_.sealing_key(purpose);
    }
    bool on = true;

   private:
    tee::Platform& good_;
    testing::FailingPlatform failing_;
  };
  World world;
  Switch platform(world.platform);
  const auto server =
      KeyServer::open(world.store, platform, world.trust(), world.clock, world.random, world.log)
          .value();
  Story story = world.story(*server);
  const auto said = story.say(Story::policy(StatementKind::Register, world.policy()));
  platform.on = false;
  EXPECT_TRUE(refused(server->submit(story.owner(), said), ErrorCode::Unavailable, "platform"));
  EXPECT_TRUE(world.log.contains("the platform does not answer"));
  platform.on = true;
  EXPECT_TRUE(server->submit(story.owner(), said));
}

TEST_F(Submitting, ListsAnOwnersModelsAndNobodyElses) {
  world_.register_model(*server_, story_, 1);
  World::tell_version(*server_, story_, 2, 2);
  World::tell(*server_, story_, Story::of(StatementKind::Minimum, 2));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(server_->release(world_.cache(), World::request(story_, 2, i != 0)));
  }
  EXPECT_TRUE(models(testing::fake_owner_key(kOtherOwner).public_key()).empty());
  const json::Json model = models(story_.owner()).at(0);
  EXPECT_EQ(model.at("name"), "resnet50");
  EXPECT_EQ(model.at("id"), story_.model().hex());
  EXPECT_EQ(model.at("minimum_version"), 2);
  EXPECT_EQ(model.at("versions").size(), 2u);
  EXPECT_EQ(model.at("grants"), 20);
  ASSERT_EQ(model.at("newest_grants").size(), 16u);
  EXPECT_EQ(model.at("newest_grants").back().at("log_position"), 24);
  EXPECT_EQ(model.at("newest_grants").back().at("mr_enclave"),
            encode_hex(cache_enclave().mr_enclave));
  server_ = world_.open();
  EXPECT_EQ(models(story_.owner()).at(0), model);
}

}  // namespace
}  // namespace torchkeep::keyserver
