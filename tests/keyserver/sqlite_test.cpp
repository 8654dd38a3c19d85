#include <csignal>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

#include "tests/keyserver/world.h"
#include "tests/support/files.h"

namespace torchkeep::keyserver {
namespace {

using keys::StoreChange;

StoreChange some_change(std::uint64_t position, std::size_t value_bytes = 3) {
  StoreChange change;
  keys::LogRow row;
  row.position = position;
  row.entry = to_bytes(as_bytes(text("entry ", position)));
  row.hash.fill(static_cast<std::uint8_t>(position));
  change.log.push_back(std::move(row));
  change.head = Bytes(104, static_cast<std::uint8_t>(position));
  for (const char* table : {"owner", "key", "statement", "meta"}) {
    change.rows.push_back({table, {1, static_cast<std::uint8_t>(position)}, Bytes(value_bytes, 9)});
  }
  return change;
}

/// The log as far as it goes, in order.
std::vector<keys::LogRow> log_of(keys::KeyStore& store) {
  std::vector<keys::LogRow> rows;
  EXPECT_TRUE(store.read_log([&](const keys::LogRow& row) -> Result<void> {
    rows.push_back(row);
    return {};
  }));
  return rows;
}

/// Runs `body` in a process of its own and returns what it returned.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "status " << status;
  return WEXITSTATUS(status);
}

/// 0 if opening fails with this code and words; else says so.
int expect_refused(const Path& path, ErrorCode code, std::string_view part) {
  const auto opened = open_sqlite_key_store(path);
  const auto as_expected = refused(opened, code, part);
  if (!as_expected) std::fprintf(stderr, "%s\n", as_expected.message());
  if (opened.ok()) return 1;
  const bool one_line = opened.error().message.find('\n') == std::string::npos;
  return as_expected && one_line ? 0 : 1;
}

class Sqlite : public ::testing::Test {
 protected:
  std::unique_ptr<keys::KeyStore> open() {
    auto opened = open_sqlite_key_store(path_);
    EXPECT_TRUE(opened) << opened.error();
    return std::move(opened).value();
  }
  void fill(std::uint64_t entries, std::size_t value_bytes = 3) {
    const auto store = open();
    for (std::uint64_t i = 0; i < entries; ++i) {
      ASSERT_TRUE(store->write(some_change(i, value_bytes)));
    }
  }
  void sql(const char* statements) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, statements, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  testing::TemporaryFolder folder_;
  Path path_ = folder_ / "keys.sqlite";
};

TEST_F(Sqlite, KeepsWhatIsWritten) {
  fill(3);
  const auto store = open();
  const auto log = log_of(*store);
  ASSERT_EQ(log.size(), 3u);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(log[i].position, i);
    EXPECT_EQ(log[i].entry, some_change(i).log[0].entry);
    EXPECT_EQ(log[i].hash, some_change(i).log[0].hash);
  }
  EXPECT_EQ(store->find_head().value(), Bytes(104, 2));
  for (const char* table : {"owner", "key", "statement", "meta"}) {
    EXPECT_EQ(store->find_row(table, Bytes{1, 2}).value(), Bytes(3, 9));
    EXPECT_EQ(store->find_row(table, Bytes{1, 7}).value(), std::nullopt);
  }
}

TEST_F(Sqlite, ANewStoreIsEmpty) {
  const auto store = open();
  EXPECT_TRUE(is_empty(*store).value());
  EXPECT_EQ(store->find_head().value(), std::nullopt);
  EXPECT_EQ(store->find_row("meta", Bytes{}).value(), std::nullopt);
}

TEST_F(Sqlite, ReplacesRowsAndKeepsEmptyValues) {
  const auto store = open();
  ASSERT_TRUE(store->write({.log = {}, .head = {}, .rows = {{"owner", {1}, {1, 2}}}}));
  ASSERT_TRUE(
      store->write({.log = {}, .head = {}, .rows = {{"owner", {1}, {}}, {"key", {}, {5}}}}));
  EXPECT_EQ(store->find_row("owner", Bytes{1}).value(), Bytes{});
  EXPECT_EQ(store->find_row("key", Bytes{}).value(), Bytes{5});
}

TEST_F(Sqlite, IsReadableByItsOwnerAlone) {
  fill(1);
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(Sqlite, AVisitorsErrorEndsTheReading) {
  fill(3);
  int seen = 0;
  const auto store = open();
  EXPECT_TRUE(refused(store->read_log([&](const keys::LogRow&) -> Result<void> {
    ++seen;
    return denied("enough");
  }),
                      ErrorCode::Denied, "enough"));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(log_of(*store).size(), 3u);
}

TEST_F(Sqlite, AChangeIsWrittenWhollyOrNotAtAll) {
  fill(2);
  const auto store = open();
  // The second log row is there already; what came before it in the change must not stay.
  StoreChange change = some_change(2);
  change.log.push_back(some_change(1).log[0]);
  EXPECT_TRUE(refused(store->write(change), ErrorCode::Malformed, "no key server wrote"));
  StoreChange unknown = some_change(2);
  unknown.rows.push_back({"secrets", {1}, {1}});
  EXPECT_TRUE(refused(store->write(unknown), ErrorCode::InvalidArgument, "secrets"));
  EXPECT_EQ(log_of(*store).size(), 2u);
  EXPECT_EQ(store->find_row("owner", Bytes{1, 2}).value(), std::nullopt);
  EXPECT_EQ(store->find_head().value(), Bytes(104, 1));
  EXPECT_TRUE(store->write(some_change(2)));
}

TEST_F(Sqlite, AnotherProcessIsToldThatItIsOpen) {
  const auto store = open();
  EXPECT_EQ(in_child([&] {
              return expect_refused(path_, ErrorCode::Unavailable,
                                    "another key server has it open: stop that one first");
            }),
            0);
  EXPECT_TRUE(store->write(some_change(0)));
}

TEST_F(Sqlite, TheSameProcessIsToldThatItIsOpen) {
  const auto store = open();
  EXPECT_EQ(expect_refused(path_, ErrorCode::Unavailable, "another key server has it open"), 0);
  // Nor did asking cost the lock.
  EXPECT_EQ(
      in_child([&] { return expect_refused(path_, ErrorCode::Unavailable, "another key server"); }),
      0);
}

TEST_F(Sqlite, AMissingFolderIsNamed) {
  EXPECT_EQ(expect_refused(folder_ / "nowhere/keys.sqlite", ErrorCode::Unavailable,
                           text("the folder ", (folder_ / "nowhere").string(), " does not exist")),
            0);
}

TEST_F(Sqlite, AFolderIsNoFile) {
  EXPECT_EQ(expect_refused(folder_.path(), ErrorCode::Unavailable, "is a folder"), 0);
}

/// To root, nothing is read-only; so the child becomes somebody else.
int as_nobody(const std::function<int()>& body) {
  return in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 2;
    return body();
  });
}

TEST_F(Sqlite, AFolderThatCannotBeWrittenIsNamed) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_EQ(
      as_nobody([&] { return expect_refused(path_, ErrorCode::Unavailable, "cannot be written"); }),
      0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  // The file may be written, its journal not made: found at the start, not at the first grant.
  fill(1);
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  std::filesystem::remove(path_.string() + "-journal");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_EQ(
      as_nobody([&] { return expect_refused(path_, ErrorCode::Unavailable, "write access"); }), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_EQ(log_of(*open()).size(), 1u);
}

TEST_F(Sqlite, AFileThatCannotBeWrittenIsNamed) {
  fill(1);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
  for (const mode_t mode : {0444, 0000}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    EXPECT_EQ(
        as_nobody([&] { return expect_refused(path_, ErrorCode::Unavailable, "write access"); }),
        0);
  }
}

TEST_F(Sqlite, AnotherProgramsDatabaseIsLeftAlone) {
  sql("CREATE TABLE mail (id INTEGER PRIMARY KEY); INSERT INTO mail VALUES (1);");
  const Bytes before = load_file(path_, 1 << 20).value();
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "another program's database"), 0);
  EXPECT_EQ(load_file(path_, 1 << 20).value(), before);
  std::filesystem::remove(path_);
  sql("PRAGMA application_id = 7;");
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "another program's database"), 0);
}

TEST_F(Sqlite, AFileThatIsNoDatabaseIsLeftAlone) {
  const Bytes letter = to_bytes(as_bytes(std::string(5000, 'x')));
  ASSERT_TRUE(store_file(path_, letter));
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "is no key store"), 0);
  EXPECT_EQ(load_file(path_, 1 << 20).value(), letter);
}

TEST_F(Sqlite, ANewerFormatIsNotRead) {
  fill(1);
  sql("PRAGMA user_version = 2;");
  EXPECT_EQ(expect_refused(path_, ErrorCode::Malformed, "has format 2"), 0);
}

TEST_F(Sqlite, TablesThatAreNotOursAreNotTrusted) {
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

TEST_F(Sqlite, AWriteAheadLogIsNotTrusted) {
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

TEST_F(Sqlite, ATruncatedFileIsNamedAsDamaged) {
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

TEST_F(Sqlite, RandomBytesInTheFileNeverPassForRows) {
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

TEST_F(Sqlite, AFullDiskIsToldAndNothingIsLost) {
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

TEST_F(Sqlite, ADiskThatIsFullAtTheStartIsToldAtTheStart) {
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

TEST_F(Sqlite, AStoreHalfMadeAtAFirstStartIsMadeAnew) {
  ASSERT_TRUE(store_file(path_, {}, 0600));
  EXPECT_TRUE(is_empty(*open()).value());
}

TEST_F(Sqlite, AProcessKilledWhileWritingLeavesWholeChangesOnly) {
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

TEST_F(Sqlite, AWholeKeyServerLivesInIt) {
  World world;
  Genesis genesis;
  std::optional<Story> story;
  {
    const auto store = open();
    auto server = world.try_open(*store).value();
    genesis = server->genesis();
    story.emplace(world.story(*server));
    world.register_model(*server, *story, 1);
    ASSERT_TRUE(server->release(world.cache(), World::request(*story)));
  }
  const auto store = open();
  auto server = world.try_open(*store);
  ASSERT_TRUE(server) << server.error();
  EXPECT_EQ((*server)->genesis(), genesis);
  const auto release = (*server)->release(world.cache(), World::request(*story));
  ASSERT_TRUE(release) << release.error();
  EXPECT_TRUE(equal(release->data_key->expose(), testing::fake_data_key(1).expose()));
  // Neither the DEK nor any other 32 bytes of it lie in the file as they are.
  const std::string file = to_string(load_file(path_, 1 << 20).value());
  EXPECT_EQ(file.find(as_text(testing::fake_data_key(1).expose())), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::keyserver
