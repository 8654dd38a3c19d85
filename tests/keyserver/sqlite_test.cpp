#include <sys/stat.h>

#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

#include "tests/keyserver/sqlite_file.h"

namespace torchkeep::keyserver {
namespace {

using keys::StoreChange;
using Sqlite = SqliteFile;

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
