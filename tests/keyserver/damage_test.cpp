// The host edits, deletes, swaps and puts back what the key server stored.
#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"

namespace torchkeep::keyserver {
namespace {

using keys::StatementKind;
using Contents = testing::MemoryKeyStore::Contents;

class Damage : public ::testing::Test {
 protected:
  Damage() {
    auto server = world_.open();
    Story others = world_.others_story(*server, "bert");
    world_.register_model(*server, story_, 1);
    world_.register_model(*server, others, 2);
    World::tell_version(*server, story_, 2, 3);
    EXPECT_TRUE(server->release(world_.cache(), World::request(story_)));
    EXPECT_TRUE(server->release(world_.cache(), World::request(others)));
    World::tell(*server, story_, Story::of(StatementKind::Revoke, 1));
  }

  /// Opens what the host made of the store; the good contents come back afterwards.
  Error open_damaged(const std::function<void(Contents&)>& damage) {
    const Contents good = world_.memory.contents;
    damage(world_.memory.contents);
    const auto opened = world_.try_open(world_.memory);
    world_.memory.contents = good;
    if (opened) return {ErrorCode::Internal, "it was not noticed"};
    return opened.error();
  }
  void expect_noticed(const std::function<void(Contents&)>& damage, std::string_view named,
                      std::string_view what) {
    const Error error = open_damaged(damage);
    EXPECT_TRUE(error.code == ErrorCode::Untrusted || error.code == ErrorCode::Malformed)
        << what << ": " << error;
    EXPECT_NE(error.message.find(named), std::string::npos)
        << what << ": \"" << error.message << "\" does not name " << named;
  }
  std::size_t log_size() const { return world_.memory.contents.log.size(); }
  static std::string name_of(const std::pair<std::string, Bytes>& row) {
    return describe(RowId{row.first, row.second});
  }

  World world_;
  Story story_ = world_.story(*world_.open());
};

/// Places of a value to damage: all of a short one, every seventh and the ends of a long one.
std::vector<std::size_t> places(std::size_t size) {
  std::vector<std::size_t> out;
  for (std::size_t place = 0; place<size; place += size> 64 ? 7 : 1) out.push_back(place);
  out.push_back(size - 1);
  return out;
}

TEST_F(Damage, ItsStoreOpensUnharmed) {
  EXPECT_EQ(open_damaged([](Contents&) {}).message, "it was not noticed");
  ASSERT_EQ(world_.memory.contents.rows.size(), 1u + 2 + 3 + 6);  // meta, owners, keys, statements
  ASSERT_EQ(log_size(), 9u);
}

TEST_F(Damage, AnEditedRowIsNamed) {
  const Contents good = world_.memory.contents;
  for (const auto& [row, value] : good.rows) {
    for (const std::size_t place : places(value.size())) {
      expect_noticed([&, &id = row](Contents& host) { host.rows[id][place] ^= 0x40; }, name_of(row),
                     "edited");
    }
    expect_noticed([&, &id = row](Contents& host) { host.rows[id].pop_back(); }, name_of(row),
                   "cut short");
    expect_noticed([&, &id = row](Contents& host) { host.rows[id].push_back(0); }, name_of(row),
                   "longer");
    expect_noticed([&, &id = row](Contents& host) { host.rows[id].clear(); }, name_of(row),
                   "emptied");
  }
}

TEST_F(Damage, AnEditedLogEntryIsNamed) {
  const Contents good = world_.memory.contents;
  for (std::size_t i = 0; i < good.log.size(); ++i) {
    const std::string named = text("log entry ", i);
    for (const std::size_t place : places(good.log[i].entry.size())) {
      expect_noticed([&](Contents& host) { host.log[i].entry[place] ^= 1; }, named, "edited");
    }
    for (std::size_t place = 0; place < 32; ++place) {
      expect_noticed([&](Contents& host) { host.log[i].hash[place] ^= 1; }, named, "its hash");
    }
    expect_noticed([&](Contents& host) { host.log[i].position += 1; }, named, "its position");
  }
}

TEST_F(Damage, AnEditedHeadIsNamed) {
  for (std::size_t place = 0; place < world_.memory.contents.head->size(); ++place) {
    expect_noticed([&](Contents& host) { (*host.head)[place] ^= 1; }, "log head", "edited");
  }
}

TEST_F(Damage, ADeletedRowIsNamed) {
  const Contents good = world_.memory.contents;
  for (const auto& [row, value] : good.rows) {
    expect_noticed([&, &id = row](Contents& host) { host.rows.erase(id); }, name_of(row),
                   "deleted");
  }
  for (std::size_t i = 0; i < good.log.size(); ++i) {
    expect_noticed([&](Contents& host) { host.log.erase(host.log.begin() + static_cast<long>(i)); },
                   i + 1 == good.log.size() ? text("log entries ", i) : text("log entry ", i),
                   "deleted");
  }
  expect_noticed([](Contents& host) { host.head.reset(); }, "log head is missing", "deleted");
  expect_noticed([](Contents& host) { host.log.clear(); }, "log entries 0 to 8", "emptied");
}

TEST_F(Damage, SwappedRowsAreNamed) {
  const Contents good = world_.memory.contents;
  for (auto first = good.rows.begin(); first != good.rows.end(); ++first) {
    for (auto second = std::next(first); second != good.rows.end(); ++second) {
      const Error error = open_damaged(
          [&](Contents& host) { std::swap(host.rows[first->first], host.rows[second->first]); });
      const bool named = error.message.find(name_of(first->first)) != std::string::npos ||
                         error.message.find(name_of(second->first)) != std::string::npos;
      EXPECT_TRUE(named) << error;
      if (first->first.first != kMetaTable && second->first.first != kMetaTable) {
        EXPECT_NE(error.message.find("swapped"), std::string::npos) << error;
      }
    }
  }
  for (std::size_t i = 0; i < good.log.size(); ++i) {
    for (std::size_t j = i + 1; j < good.log.size(); ++j) {
      expect_noticed(
          [&](Contents& host) {
            std::swap(host.log[i], host.log[j]);
            std::swap(host.log[i].position, host.log[j].position);
          },
          text("log entry ", i), "swapped");
    }
  }
}

TEST_F(Damage, AnEarlierHeadPutBackIsNoticed) {
  // The revocation undone: the head before it, with and without the entry.
  const keys::LogRow& last = world_.memory.contents.log.back();
  ASSERT_EQ(last.position, 8u);
  const Bytes newest = *world_.memory.contents.head;
  auto server = world_.open();
  World::tell(*server, story_, Story::of(StatementKind::Minimum, 2));
  expect_noticed([&](Contents& host) { host.head = newest; },
                 "log entry 9 is not covered by the signed head", "an earlier head");
  expect_noticed([&](Contents& host) { host.log.pop_back(); }, "log entries 9 to 9 are missing",
                 "the newest entry deleted");
}

TEST_F(Damage, AnEntryThatTheHostAddedIsNoticed) {
  expect_noticed(
      [&](Contents& host) {
        keys::LogRow forged = host.log[5];
        forged.position = host.log.size();
        crypto::Sha256 hash;
        hash.update(host.log.back().hash).update(forged.entry);
        forged.hash = std::move(hash).finish();
        host.log.push_back(std::move(forged));
      },
      "log entry 9", "added");
}

TEST_F(Damage, ALogRewrittenFromSomePlaceOnIsNoticed) {
  expect_noticed(
      [&](Contents& host) {
        // The revocation's entry replaced by a grant, the hashes all in order.
        host.log[8].entry = host.log[7].entry;
        crypto::Sha256 hash;
        hash.update(host.log[7].hash).update(host.log[8].entry);
        host.log[8].hash = std::move(hash).finish();
      },
      "log entry 8 is not the one that the signed head names", "rewritten");
}

TEST_F(Damage, AnotherInstancesRowsAreNoticed) {
  testing::MemoryKeyStore elsewhere;
  ASSERT_TRUE(world_.try_open(elsewhere));
  const auto identity = std::pair{std::string(kMetaTable), to_bytes(as_bytes(kIdentityRow))};
  expect_noticed([&](Contents& host) { host.rows[identity] = elsewhere.contents.rows[identity]; },
                 "log head", "another identity");
  expect_noticed([&](Contents& host) { host.head = elsewhere.contents.head; }, "log head",
                 "another head");
  expect_noticed([&](Contents& host) { host.log = elsewhere.contents.log; }, "log entries 1 to 8",
                 "another log");
}

TEST_F(Damage, IsNamedToTheOperatorWhileTheServerRuns) {
  auto server = world_.open();
  const std::pair row{std::string(kKeyTable), key_row_id(story_.model(), 2)};
  world_.memory.contents.rows[row][20] ^= 1;
  const auto release = server->release(world_.cache(), World::request(story_, 2));
  // The asker learns that there is damage, the operator's log where.
  EXPECT_TRUE(refused(release, ErrorCode::Untrusted, "operator's log"));
  EXPECT_FALSE(refused(release, ErrorCode::Untrusted, "changed:"));
  EXPECT_TRUE(world_.log.contains(text("changed: ", name_of(row))));
  world_.memory.contents.rows[row][20] ^= 1;
  EXPECT_TRUE(server->release(world_.cache(), World::request(story_, 2)));
}

TEST_F(Damage, AStoreExchangedUnderTheRunningServerIsNoticed) {
  const Contents before = world_.memory.contents;
  auto server = world_.open();
  World::tell(*server, story_, Story::of(StatementKind::Revoke));
  world_.memory.contents = before;  // consistent, but older
  EXPECT_FALSE(server->release(world_.cache(), World::request(story_, 2)));
  Story others = world_.others_story(*server, "gpt");
  EXPECT_TRUE(
      refused(server->submit(others.owner(),
                             others.say(Story::policy(StatementKind::Register, world_.policy()))),
              ErrorCode::Untrusted, "operator's log"));
  EXPECT_TRUE(world_.log.contains("the store was exchanged under the running key server"));
}

TEST_F(Damage, AStoreExchangedDuringADoubtfulWriteIsNoticed) {
  const Contents before = world_.memory.contents;
  auto server = world_.open();
  World::tell(*server, story_, Story::of(StatementKind::Minimum, 2));
  world_.store.fail_write(0, FailingKeyStore::Outcome::NotWritten);
  EXPECT_FALSE(server->release(world_.cache(), World::request(story_, 2)));
  world_.memory.contents = before;  // neither before nor after that write
  EXPECT_TRUE(refused(server->release(world_.cache(), World::request(story_, 2)),
                      ErrorCode::Untrusted, "operator's log"));
  EXPECT_TRUE(world_.log.contains("exchanged"));
}

TEST(AJournal, NamesARowThatWasPutBack) {
  // The key server rewrites no row today; the journal does not rely on that.
  World world;
  const Identity identity = make_identity(world.trust().roots, true, world.random).value();
  Journal journal(world.memory, identity);
  const LogEntry entry{world.clock.now(), Began{identity.genesis}, {}};
  for (const std::uint8_t value : {std::uint8_t{1}, std::uint8_t{2}}) {
    ASSERT_TRUE(journal.append(entry, {{std::string(kOwnerTable), Bytes(32, 7), Bytes(9, value)}}));
  }
  ASSERT_TRUE(journal.load());
  world.memory.contents.rows[{std::string(kOwnerTable), Bytes(32, 7)}] = Bytes(9, 1);
  const auto row = journal.load_row(kOwnerTable, Bytes(32, 7));
  EXPECT_TRUE(refused(row, ErrorCode::Untrusted, "put back: KEK of owner 0707"));
  EXPECT_TRUE(refused(row, ErrorCode::Untrusted, "log entry 1"));
  EXPECT_TRUE(refused(Journal(world.memory, identity).load(), ErrorCode::Untrusted, "put back"));
}

}  // namespace
}  // namespace torchkeep::keyserver
