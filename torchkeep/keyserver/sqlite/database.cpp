#include "torchkeep/keyserver/sqlite/database.h"

#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <unistd.h>

namespace torchkeep::keyserver::sqlite {
namespace {

// A row of ours is at most a statement: 256 KiB, in base64.
constexpr int kMaxValueBytes = 1 << 20;

/// Makes the file, so that only its owner reads it; one that is there is left alone, since closing
/// it here would release the locks that this process holds on it.
Result<void> make_private_file(const Path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    ::close(descriptor);
    return {};
  }
  const int cause = errno;
  const std::string folder = path.parent_path().string();
  switch (cause) {
    case EEXIST: return {};
    case ENOENT:
    case ENOTDIR:
      return unavailable(path.string(), ": the folder ", folder, " does not exist: make it first");
    case EACCES:
    case EPERM:
    case EROFS:
      return unavailable(path.string(), ": the folder ", folder,
                         " cannot be written: give the key server write access to it");
    default: return unavailable(path.string(), " cannot be made: ", std::strerror(cause));
  }
}

Result<void> harden(sqlite3* database) {
  struct Setting {
    int option;
    int value;
  };
  // What the file could make SQLite do on its behalf.
  for (const auto [option, value] :
       {Setting{SQLITE_DBCONFIG_DEFENSIVE, 1}, Setting{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        Setting{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, Setting{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        Setting{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}}) {
    int found = -1;
    if (sqlite3_db_config(database, option, value, &found) != SQLITE_OK || found != value) {
      return internal_error("this SQLite cannot be hardened: option ", option);
    }
  }
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  return {};
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const Path& path) {
  // An absolute path is never taken for a URI.
  const Path absolute = std::filesystem::absolute(path);
  if (std::filesystem::is_directory(absolute)) {
    return unavailable(path.string(), " is a folder: name a file in it");
  }
  TRY(make_private_file(absolute));
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(absolute.c_str(), &opened,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(path.string(), opened));
  if (code != SQLITE_OK) return database->error(code);
  sqlite3_extended_result_codes(opened, 1);
  TRY(harden(opened));
  if (sqlite3_db_readonly(opened, "main") != 0) return database->error(SQLITE_READONLY);
  return database;
}

Error Database::error(int code) const {
  const auto cause = [this] {
    const int number = sqlite3_system_errno(database_.get());
    return number == 0 ? std::string("no cause given") : std::string(std::strerror(number));
  };
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return unavailable(name_, ": another key server has it open: stop that one first");
    case SQLITE_FULL:
      return unavailable(name_, ": the disk is full, nothing was changed: free some space");
    case SQLITE_IOERR:
      return unavailable(name_, ": the disk does not take or give its bytes (", cause(),
                         "): free some space, look at the disk and at limits on file sizes");
    case SQLITE_READONLY:
      return unavailable(name_,
                         " cannot be written: give the key server write access to the file "
                         "and to its folder");
    case SQLITE_CANTOPEN:
      return unavailable(name_, " or its journal cannot be opened (", cause(),
                         "): give the key server write access to the file and to its folder");
    case SQLITE_NOTADB:
      return malformed(name_,
                       " is no key store: either its beginning is damaged, then put a backup "
                       "in its place, or it is another file, then name another");
    case SQLITE_CORRUPT:
      return malformed(name_, " is damaged (", sqlite3_errmsg(database_.get()),
                       "): put a backup in its place");
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return malformed(name_, " holds what no key server wrote (", sqlite3_errmsg(database_.get()),
                       "): put a backup in its place");
    case SQLITE_NOMEM: return unavailable(name_, ": no memory left");
    default: return internal_error(name_, ": SQLite result ", code, ": ", sqlite3_errstr(code));
  }
}

Result<void> Database::execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return error(code);
  return Statement(*this, prepared);
}

Result<std::string> Database::ask_text(std::string_view sql) const {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return malformed(name_, " gives no answer to ", sql);
  return statement.text(0);
}

Result<std::uint64_t> Database::ask_number(std::string_view sql) const {
  Statement statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return malformed(name_, " gives no answer to ", sql);
  return statement.number(0);
}

Statement& Statement::bind(int place, ByteView blob) {
  // A null pointer would be NULL, an empty blob is none. It is not copied: it outlives `run`.
  static constexpr std::uint8_t kNothing = 0;
  const void* bytes = blob.empty() ? &kNothing : blob.data();
  const int code = sqlite3_bind_blob64(statement_.get(), place, bytes, blob.size(), SQLITE_STATIC);
  TORCHKEEP_CHECK(code == SQLITE_OK || code == SQLITE_TOOBIG);
  return *this;
}

Statement& Statement::bind(int place, std::uint64_t number) {
  TORCHKEEP_CHECK(number <= std::numeric_limits<std::int64_t>::max());
  const auto value = static_cast<sqlite3_int64>(number);
  TORCHKEEP_CHECK(sqlite3_bind_int64(statement_.get(), place, value) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error(code);
}

Result<void> Statement::run() {
  const auto stepped = step();
  reset();
  if (!stepped) return stepped.error();
  return {};
}

void Statement::reset() {
  // Returns the error of the last step again, which its caller has already.
  (void)sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

Error Statement::wrong_type(int column) const {
  return malformed(database_->name(), " is damaged (column \"",
                   sqlite3_column_name(statement_.get(), column),
                   "\" has another type): put a backup in its place");
}

Result<Bytes> Statement::blob(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_BLOB) return wrong_type(column);
  const auto* bytes =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return Bytes{};
  return Bytes(bytes, bytes + size);
}

Result<std::string> Statement::text(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_TEXT) return wrong_type(column);
  const unsigned char* characters = sqlite3_column_text(statement_.get(), column);
  if (characters == nullptr) return wrong_type(column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return std::string(reinterpret_cast<const char*>(characters), static_cast<std::size_t>(size));
}

Result<std::uint64_t> Statement::number(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_INTEGER) return wrong_type(column);
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

Transaction::~Transaction() {
  // An error here means that SQLite has undone it already.
  if (open_) (void)database_.execute("ROLLBACK");
}

Result<void> Transaction::begin() {
  TRY(database_.execute("BEGIN EXCLUSIVE"));
  open_ = true;
  return {};
}

Result<void> Transaction::commit() {
  TRY(database_.execute("COMMIT"));
  open_ = false;
  return {};
}

}  // namespace torchkeep::keyserver::sqlite
