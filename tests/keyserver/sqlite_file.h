#pragma once

#include <cstdio>
#include <functional>

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"
#include "tests/support/files.h"

/// A key store's file, and what may happen to it.
namespace torchkeep::keyserver {

inline keys::StoreChange some_change(std::uint64_t position, std::size_t value_bytes = 3) {
  keys::StoreChange change;
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
inline std::vector<keys::LogRow> log_of(keys::KeyStore& store) {
  std::vector<keys::LogRow> rows;
  EXPECT_TRUE(store.read_log([&](const keys::LogRow& row) -> Result<void> {
    rows.push_back(row);
    return {};
  }));
  return rows;
}

/// Runs `body` in a process of its own and returns what it returned.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "status " << status;
  return WEXITSTATUS(status);
}

/// 0 if opening fails with this code and words; else says so.
inline int expect_refused(const Path& path, ErrorCode code, std::string_view part) {
  const auto opened = open_sqlite_key_store(path);
  const auto as_expected = refused(opened, code, part);
  if (!as_expected) std::fprintf(stderr, "%s\n", as_expected.message());
  if (opened.ok()) return 1;
  const bool one_line = opened.error().message.find('\n') == std::string::npos;
  return as_expected && one_line ? 0 : 1;
}

class SqliteFile : public ::testing::Test {
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

}  // namespace torchkeep::keyserver
