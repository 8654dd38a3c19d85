// The key server is killed at each of its writes and started again.
#include <gtest/gtest.h>

#include "tests/keyserver/world.h"

namespace torchkeep::keyserver {
namespace {

using keys::StatementKind;

/// An owner and a cache at work with a key server that may be killed at any write. Each does again
/// what was not answered, and nothing else: that is all that a kill may cost.
class Life {
 public:
  explicit Life(World& world) : world_(world) { start(); }

  /// Starts the server until it stands; a killed disk is the next process's healthy one.
  void start() {
    for (int tries = 0;; ++tries) {
      ASSERT_LT(tries, 3);
      auto opened = world_.try_open(world_.store);
      if (opened) {
        server_ = std::move(opened).value();
        break;
      }
      ASSERT_EQ(opened.error().code, ErrorCode::Unavailable) << opened.error();
      world_.store.heal();
    }
    // Whoever has seen a genesis sees it again.
    if (!story_) story_.emplace(world_.story(*server_));
    EXPECT_EQ(server_->genesis(), genesis_.value_or(server_->genesis()));
    genesis_ = server_->genesis();
  }

  void tell(keys::Statement statement, std::optional<crypto::DataKey> data_key = {}) {
    const keys::Submission said = story_->say(std::move(statement), std::move(data_key));
    until_answered([&] { return server_->submit(story_->owner(), said); });
    ++statements_;
  }
  void release(std::uint64_t version, bool renewal = false) {
    until_answered([&] {
      return server_->release(world_.cache(), World::request(*story_, version, renewal));
    });
    ++releases_;
  }
  json::Json model() {
    server_ = world_.open();
    json::Json model = server_->list(story_->owner()).value().at("models").at(0);
    // When and how often is all that may differ from an undisturbed life.
    grants_ = model.at("grants").get<std::uint64_t>();
    for (const char* field : {"grants", "newest_grants", "log_position", "head", "id"}) {
      model.erase(field);
    }
    return model;
  }
  std::uint64_t releases() const { return releases_; }
  std::uint64_t grants() const { return grants_; }
  std::uint64_t statements() const { return statements_; }
  std::size_t log_size() const { return world_.memory.contents.log.size(); }

 private:
  template <typename Ask>
  void until_answered(const Ask& ask) {
    for (int tries = 0;; ++tries) {
      ASSERT_LT(tries, 4);
      const auto answer = ask();
      if (answer) return;
      ASSERT_EQ(answer.error().code, ErrorCode::Unavailable) << answer.error();
      if (!world_.store.dead()) continue;
      world_.store.heal();
      server_.reset();
      start();
    }
  }

  World& world_;
  std::unique_ptr<KeyServer> server_;
  std::optional<Story> story_;
  std::optional<Genesis> genesis_;
  std::uint64_t releases_ = 0;
  std::uint64_t grants_ = 0;
  std::uint64_t statements_ = 0;
};

/// Returns the model as it stands in the end.
json::Json live(World& world, Life& life) {
  life.tell(Story::policy(StatementKind::Register, world.policy()));
  const auto first = testing::fake_data_key(1);
  life.tell(Story::version(1, first), first.clone());
  life.release(1);
  const auto second = testing::fake_data_key(2);
  life.tell(Story::version(2, second), second.clone());
  life.release(2);
  life.release(1, true);
  life.tell(Story::of(StatementKind::Minimum, 2));
  life.release(2, true);
  return life.model();
}

TEST(AKill, AtAnyWriteCostsNothing) {
  World undisturbed;
  Life quiet(undisturbed);
  const json::Json expected = live(undisturbed, quiet);
  const std::size_t writes = undisturbed.store.writes();
  ASSERT_EQ(writes, 9u);
  ASSERT_EQ(quiet.log_size(), 9u);

  using Outcome = FailingKeyStore::Outcome;
  for (const Outcome outcome : {Outcome::NotWritten, Outcome::Written}) {
    for (const bool killed : {false, true}) {
      for (std::size_t at = 0; at < writes; ++at) {
        SCOPED_TRACE(text("write ", at, outcome == Outcome::Written ? ", written" : ", not written",
                          killed ? ", killed" : ", failed"));
        World world;
        world.store.fail_write(at, outcome, killed);
        Life life(world);
        const json::Json found = live(world, life);
        EXPECT_EQ(found, expected);
        // At most one grant too many is in the log, for a DEK that did not leave; never one too
        // few.
        EXPECT_GE(life.grants(), life.releases());
        EXPECT_LE(life.grants(), life.releases() + 1);
        EXPECT_EQ(life.log_size(), 1 + life.statements() + life.grants());
      }
    }
  }
}

}  // namespace
}  // namespace torchkeep::keyserver
