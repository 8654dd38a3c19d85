// The store's file is damaged, somebody else's, on a full disk, or its writer is killed.
#include <csignal>

#include <sys/resource.h>

#include "tests/keyserver/dying_vfs.h"
#include "tests/keyserver/sqlite_file.h"

namespace torchkeep::keyserver {
namespace {

using SqliteDamage = SqliteFile;

TEST_F(SqliteDamage, AnotherProgramsDatabaseIsLeftAlone) {
  sql("CREATE TABLE mail (id INTEGER PRIMARY KEY); INSERT INTO mail VALUES (1);");
  const Bytes before = load_file(path_, 1 << 20).value();
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "another program's database"), 0);
  EXPECT_EQ(load_file(path_, 1 << 20).value(), before);
  std::filesystem::remove(path_);
  sql("PRAGMA application_id = 7;");
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "another program's database"), 0);
}

TEST_F(SqliteDamage, AFileThatIsNoDatabaseIsLeftAlone) {
  const Bytes letter = to_bytes(as_bytes(std::string(5000, 'x')));
  ASSERT_TRUE(store_file(path_, letter));
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "is no key store"), 0);
  EXPECT_EQ(load_file(path_, 1 << 20).value(), letter);
}

TEST_F(SqliteDamage, ANewerFormatIsNotRead) {
  fill(1);
  sql("PRAGMA user_version = 2;");
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "has format 2"), 0);
}

TEST_F(SqliteDamage, TablesThatAreNotOursAreNotTrusted) {
  for (const char* change :
       {"CREATE TRIGGER undo AFTER INSERT ON log BEGIN DELETE FROM log; END;",
        "CREATE VIEW peek AS SELECT * FROM key;", "CREATE TABLE more (id BLOB);",
        "ALTER TABLE owner ADD COLUMN extra BLOB;", "DROP TABLE statement;",
        "CREATE INDEX values_by ON key (value);"}) {
    std::filesystem::remove(path_);
    fill(1);
    sql(change);
    EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "other tables than a key store"), 0)
        << change;
  }
}

TEST_F(SqliteDamage, AWriteAheadLogIsNotTrusted) {
  fill(1);
  sql("PRAGMA journal_mode = WAL;");
  const auto opened = open_sqlite_key_store(path_);
  // Refused, or turned back; never used with its log outside our file.
  if (opened) {
    EXPECT_FALSE(std::filesystem::exists(path_.string() + "-wal"));
    EXPECT_EQ(log_of(**opened).size(), 1u);
  } else {
    EXPECT_EQ(opened.error().code, ErrorCode::Malformed) << opened.error();
  }
}

TEST_F(SqliteDamage, ATruncatedFileIsNamedAsDamaged) {
  fill(40, 2000);
  const auto size = std::filesystem::file_size(path_);
  for (const auto left :
       {size - 4096, size / 2, std::uintmax_t{4096}, std::uintmax_t{100}, std::uintmax_t{1}}) {
    std::filesystem::copy_file(path_, folder_ / "cut.sqlite",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder_ / "cut.sqlite", left);
    EXPECT_EQ(
        expect_refused(folder_ / "cut.sqlite", ErrorCode::Malformed, "put a backup in its place"),
        0)
        << left << " bytes left of " << size;
  }
}

TEST_F(SqliteDamage, RandomBytesInTheFileNeverPassForRows) {
  // Each page in turn is filled with bytes from a seeded generator: either SQLite notices, or the
  // rows that are read are not what the key server's log names. No crash, no other error.
  World world;
  {
    const auto store = open();
    auto server = world.try_open(*store).value();
    Story story = world.story(*server);
    world.register_model(*server, story, 1);
    for (std::uint64_t version = 2; version < 12; ++version) {
      World::tell_version(*server, story, version, static_cast<std::uint8_t>(version));
    }
  }
  const Bytes good = load_file(path_, 1 << 20).value();
  std::uint64_t seed = 42;
  std::size_t noticed = 0;
  for (std::size_t page = 0; page < good.size() / 4096; ++page) {
    Bytes bad = good;
    for (std::size_t i = 0; i < 4096; ++i) {
      seed = seed * 6364136223846793005U + 1442695040888963407U;
      bad[page * 4096 + i] = static_cast<std::uint8_t>(seed >> 56);
    }
    ASSERT_TRUE(store_file(path_, bad));
    const auto store = open_sqlite_key_store(path_);
    if (!store) {
      EXPECT_EQ(store.error().code, ErrorCode::Malformed) << page << ": " << store.error();
      ++noticed;
      continue;
    }
    const auto server = world.try_open(**store);
    EXPECT_TRUE(server.ok() || server.error().code == ErrorCode::Untrusted ||
                server.error().code == ErrorCode::Malformed)
        << page;
    noticed += server.ok() ? 0 : 1;
  }
  EXPECT_GT(noticed, 6u) << "of " << good.size() / 4096;
}

TEST_F(SqliteDamage, AFullDiskIsToldAndNothingIsLost) {
  fill(4);
  const int outcome = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto store = open();
    const rlimit limit{std::filesystem::file_size(path_), RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const auto written = store->write(some_change(4, 100'000));
    if (!refused(written, ErrorCode::Unavailable, "free some space")) return 3;
    if (log_of(*store).size() != 4 || store->find_head().value() != Bytes(104, 3)) return 4;
    // Space again.
    const rlimit free{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &free) != 0) return 5;
    return store->write(some_change(4, 100'000)) ? 0 : 6;
  });
  EXPECT_EQ(outcome, 0);
  EXPECT_EQ(log_of(*open()).size(), 5u);
}

TEST_F(SqliteDamage, ADiskThatIsFullAtTheStartIsToldAtTheStart) {
  const int outcome = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    return expect_refused(path_, ErrorCode::Unavailable, "free some space");
  });
  EXPECT_EQ(outcome, 0);
  // What is left of that start is no obstacle to the next.
  EXPECT_TRUE(is_empty(*open()).value());
}

TEST_F(SqliteDamage, AStoreHalfMadeAtAFirstStartIsMadeAnew) {
  ASSERT_TRUE(store_file(path_, {}, 0600));
  EXPECT_TRUE(is_empty(*open()).value());
}

TEST_F(SqliteDamage, AProcessKilledWhileWritingLeavesWholeChangesOnly) {
  std::uint64_t expected = 0;
  for (int round = 0; round < 15; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto store = open_sqlite_key_store(path_);
      if (!store) ::_exit(1);
      for (std::uint64_t i = expected;; ++i) {
        // Large, so that a kill finds it in the middle.
        if (!(*store)->write(some_change(i, 60'000))) ::_exit(1);
        const char done = 1;
        if (::write(pipe[1], &done, 1) != 1) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    std::uint64_t told = 0;
    for (char done = 0; told < 1 + static_cast<std::uint64_t>(round) % 3; ++told) {
      ASSERT_EQ(::read(pipe[0], &done, 1), 1);
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    for (char done = 0; ::read(pipe[0], &done, 1) == 1;) ++told;
    ::close(pipe[0]);

    const auto store = open();
    const auto log = log_of(*store);
    // What was told is there; of what was not, a whole change or nothing.
    ASSERT_GE(log.size(), expected + told);
    ASSERT_LE(log.size(), expected + told + 1);
    const auto last = static_cast<std::uint8_t>(log.size() - 1);
    EXPECT_EQ(store->find_head().value(), Bytes(104, last));
    EXPECT_EQ(store->find_row("meta", Bytes{1, last}).value(), Bytes(60'000, 9));
    const auto next = static_cast<std::uint8_t>(last + 1);
    EXPECT_EQ(store->find_row("owner", Bytes{1, next}).value(), std::nullopt);
    expected = log.size();
  }
}

TEST_F(SqliteDamage, AKillAtAnyWriteToTheFileLeavesAKeyServerThatGoesOn) {
  World world;
  std::size_t writes = 0;
  for (bool died = true; died; ++writes) {
    SCOPED_TRACE(text("killed at write ", writes));
    ASSERT_LT(writes, 1000u);
    std::filesystem::remove(path_);
    std::filesystem::remove(path_.string() + "-journal");
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const int ended = in_child([&] {
      die_at_write(writes);
      const auto store = open_sqlite_key_store(path_);
      if (!store) return 2;
      const auto server = world.try_open(**store);
      if (!server) return 3;
      Story story = world.story(**server);
      const auto tell = [&](const keys::Receipt& receipt) {
        const auto position = static_cast<std::uint8_t>(receipt.log_position);
        return ::write(pipe[1], &position, 1) == 1;
      };
      auto said = story.say(Story::policy(keys::StatementKind::Register, world.policy()));
      if (!tell((*server)->submit(story.owner(), said).value())) return 4;
      if (!tell(World::tell_version(**server, story, 1, 1))) return 4;
      return (*server)->release(world.cache(), World::request(story)) ? 0 : 5;
    });
    died = ended == kDied;
    ASSERT_TRUE(died || ended == 0) << ended;
    ::close(pipe[1]);
    std::size_t receipts = 0;
    for (std::uint8_t position = 0; ::read(pipe[0], &position, 1) == 1;) ++receipts;
    ::close(pipe[0]);

    const auto store = open();
    const auto server = world.try_open(*store);
    ASSERT_TRUE(server) << server.error();
    const Story story = world.story(**server);
    const json::Json models = (*server)->list(story.owner()).value().at("models");
    // Each receipt's statement is there, and at most the one that was being written.
    const std::size_t statements =
        models.empty() ? 0 : models.at(0).at("statements").get<std::size_t>();
    EXPECT_GE(statements, receipts);
    EXPECT_LE(statements, receipts + 1);
    if (statements == 2) {
      EXPECT_TRUE((*server)->release(world.cache(), World::request(story)));
    }
  }
  EXPECT_GT(writes, 50u);
}

}  // namespace
}  // namespace torchkeep::keyserver
