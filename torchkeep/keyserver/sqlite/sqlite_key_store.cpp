#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

#include <array>
#include <filesystem>
#include <map>
#include <system_error>

#include "torchkeep/base/mutex.h"
#include "torchkeep/keyserver/sqlite/database.h"

namespace torchkeep::keyserver {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::uint64_t kApplicationId = 0x544b5331;  // "TKS1"
constexpr std::uint64_t kFormat = 1;

struct Table {
  std::string_view name;
  const char* schema;
  const char* find = nullptr;     ///< Tables of rows: by id.
  const char* replace = nullptr;  ///< Tables of rows.
};
#define TORCHKEEP_ROW_TABLE(name)                                                                 \
  Table {                                                                                         \
    name, "CREATE TABLE \"" name "\" (id BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT", \
        "SELECT value FROM \"" name "\" WHERE id = ?1",                                           \
        "INSERT OR REPLACE INTO \"" name "\" (id, value) VALUES (?1, ?2)"                         \
  }
constexpr std::array kTables = {
    Table{"head",
          "CREATE TABLE \"head\" (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL) "
          "STRICT"},
    TORCHKEEP_ROW_TABLE("key"),
    Table{"log",
          "CREATE TABLE \"log\" (position INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash BLOB NOT "
          "NULL) STRICT"},
    TORCHKEEP_ROW_TABLE("meta"),
    TORCHKEEP_ROW_TABLE("owner"),
    TORCHKEEP_ROW_TABLE("statement"),
};
#undef TORCHKEEP_ROW_TABLE

/// Before the first lock: no write-ahead log, every commit on the disk before it returns, and the
/// lock kept until the end.
constexpr const char* kSettings =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA journal_mode = TRUNCATE;"
    "PRAGMA synchronous = EXTRA;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA temp_store = MEMORY;";

Error not_ours(const Database& database) {
  return malformed(database.name(),
                   " is another program's database, then name another file; or its "
                   "first page is damaged, then put a backup in its place");
}

/// A file in which nothing was made yet; what a first start left half made is undone by now. SQLite
/// would take a file that was cut off in its first page for a new one as well.
Result<bool> is_new(const Database& database, const Path& path) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure) return unavailable(database.name(), ": ", failure.message());
  return size == 0;
}

Result<void> make_tables(Database& database) {
  for (const Table& table : kTables) TRY(database.execute(table.schema));
  return database.execute(text("PRAGMA application_id = ", kApplicationId).c_str());
}

/// The tables are exactly ours: no trigger, view or computed column that acts while we write.
Result<void> check_tables(const Database& database) {
  if (TRY(database.ask_number("PRAGMA application_id")) != kApplicationId)
    return not_ours(database);
  const std::uint64_t format = TRY(database.ask_number("PRAGMA user_version"));
  if (format != kFormat) {
    return malformed(database.name(), " has format ", format, ", this key server knows ", kFormat,
                     ": start the version that wrote it");
  }
  Statement schema =
      TRY(database.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE "
                           "'sqlite_autoindex_%' ORDER BY name"));
  std::size_t found = 0;
  bool ours = true;
  while (ours && TRY(schema.step())) {
    ours = found < kTables.size() && TRY(schema.text(0)) == kTables[found].name &&
           TRY(schema.text(1)) == kTables[found].schema;
    ++found;
  }
  if (ours && found == kTables.size()) return {};
  return malformed(database.name(),
                   " has other tables than a key store: put a backup in its place");
}

Result<void> check_pages(const Database& database) {
  const std::string found = TRY(database.ask_text("PRAGMA quick_check(1)"));
  if (found == "ok") return {};
  return malformed(database.name(), " is damaged (", found, "): put a backup in its place");
}

/// Takes the lock, looks the file over, makes what is missing. Writes in any case, so that a disk
/// that takes nothing is noticed now and not at the first grant.
Result<void> prepare_file(Database& database, const Path& path) {
  TRY(database.execute(kSettings));
  Transaction transaction(database);
  TRY(transaction.begin());
  if (TRY(database.ask_text("PRAGMA journal_mode")) != "truncate") {
    return malformed(database.name(),
                     " was turned to another journal mode: put a backup in its place");
  }
  if (TRY(is_new(database, path))) {
    TRY(make_tables(database));
  } else {
    TRY(check_tables(database));
    TRY(check_pages(database));
  }
  TRY(database.execute(text("PRAGMA user_version = ", kFormat).c_str()));
  return transaction.commit();
}

/// *Thread-safe.*
class SqliteKeyStore final : public keys::KeyStore {
 public:
  static Result<std::unique_ptr<keys::KeyStore>> open(const Path& path) {
    auto database = TRY(Database::open(path));
    TRY(prepare_file(*database, path));
    auto store = std::unique_ptr<SqliteKeyStore>(new SqliteKeyStore(std::move(database)));
    TRY(store->prepare());
    return std::unique_ptr<keys::KeyStore>(std::move(store));
  }

  Result<void> write(const keys::StoreChange& change) override {
    const MutexLock lock(mutex_);
    Transaction transaction(*database_);
    TRY(transaction.begin());
    for (const keys::LogRow& row : change.log) {
      TRY(add_log_->bind(1, row.position).bind(2, row.entry).bind(3, row.hash).run());
    }
    for (const keys::StoreChange::Row& row : change.rows) {
      RowStatements* table = TRY(find_table(row.table));
      TRY(table->replace.bind(1, row.id).bind(2, row.value).run());
    }
    if (change.head) TRY(set_head_->bind(1, *change.head).run());
    return transaction.commit();
  }

  Result<std::optional<Bytes>> find_row(std::string_view table, ByteView id) override {
    const MutexLock lock(mutex_);
    Statement& find = TRY(find_table(table))->find;
    return find_one(find.bind(1, id));
  }

  Result<std::optional<Bytes>> find_head() override {
    const MutexLock lock(mutex_);
    return find_one(*find_head_);
  }

  Result<void> read_log(const std::function<Result<void>(const keys::LogRow&)>& visit) override {
    const MutexLock lock(mutex_);
    Statement rows =
        TRY(database_->prepare("SELECT position, entry, hash FROM log ORDER BY position"));
    while (TRY(rows.step())) {
      keys::LogRow row;
      row.position = TRY(rows.number(0));
      const std::string place = text("log entry ", row.position);
      row.entry = TRY(rows.blob(1).context(place));
      const Bytes hash = TRY(rows.blob(2).context(place));
      row.hash = TRY(to_array<32>(hash).context(place));
      TRY(visit(row));
    }
    return {};
  }

 private:
  struct RowStatements {
    Statement find;
    Statement replace;
  };

  explicit SqliteKeyStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<void> prepare() {
    const MutexLock lock(mutex_);
    for (const Table& table : kTables) {
      if (table.find == nullptr) continue;
      auto find = TRY(database_->prepare(table.find));
      auto replace = TRY(database_->prepare(table.replace));
      tables_.emplace(table.name, RowStatements{std::move(find), std::move(replace)});
    }
    add_log_ =
        TRY(database_->prepare("INSERT INTO log (position, entry, hash) VALUES (?1, ?2, ?3)"));
    set_head_ = TRY(database_->prepare("INSERT OR REPLACE INTO head (id, value) VALUES (1, ?1)"));
    find_head_ = TRY(database_->prepare("SELECT value FROM head WHERE id = 1"));
    return {};
  }

  Result<RowStatements*> find_table(std::string_view name) REQUIRES(mutex_) {
    const auto found = tables_.find(name);
    if (found == tables_.end()) return invalid_argument("a key store has no table \"", name, "\"");
    return &found->second;
  }

  Result<std::optional<Bytes>> find_one(Statement& statement) REQUIRES(mutex_) {
    const auto found = [&]() -> Result<std::optional<Bytes>> {
      if (!TRY(statement.step())) return std::optional<Bytes>();
      return std::optional<Bytes>(TRY(statement.blob(0)));
    }();
    statement.reset();
    return found;
  }

  Mutex mutex_;
  // Declared before its statements, so that it goes after them.
  const std::unique_ptr<Database> database_;
  std::map<std::string_view, RowStatements> tables_ GUARDED_BY(mutex_);
  std::optional<Statement> add_log_ GUARDED_BY(mutex_);
  std::optional<Statement> set_head_ GUARDED_BY(mutex_);
  std::optional<Statement> find_head_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<keys::KeyStore>> open_sqlite_key_store(const Path& path) {
  return SqliteKeyStore::open(path);
}

}  // namespace torchkeep::keyserver
