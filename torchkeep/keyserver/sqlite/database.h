#pragma once

#include <memory>

#include <sqlite3.h>

#include "torchkeep/base/file.h"
#include "torchkeep/base/text.h"

/// SQLite's C interface with our errors. Only the sources of this folder include it.
namespace torchkeep::keyserver::sqlite {

class Database;

/// A prepared statement. Move-only; the database outlives it.
class Statement {
 public:
  Statement& bind(int place, ByteView blob);
  Statement& bind(int place, std::uint64_t number);

  /// True if there is a row, false at the end.
  Result<bool> step();
  /// For what returns no row: runs it once, makes it ready for the next time.
  Result<void> run();
  /// Makes it ready for the next time, and forgets what was bound.
  void reset();

  /// Columns of the present row, counted from 0. Errors: Malformed if the file holds another type.
  Result<Bytes> blob(int column) const;
  Result<std::string> text(int column) const;
  Result<std::uint64_t> number(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Statement(const Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}
  Error wrong_type(int column) const;
  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// One connection. *Not thread-safe.* Does not move: its statements point to it.
class Database {
 public:
  /// Opens or makes the file. Believes nothing of it yet and takes no lock.
  static Result<std::unique_ptr<Database>> open(const Path& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql) const;
  /// The single value that `sql` asks for.
  Result<std::string> ask_text(std::string_view sql) const;
  Result<std::uint64_t> ask_number(std::string_view sql) const;

  /// An SQLite result code as one line that says what to do.
  Error error(int code) const;
  const std::string& name() const { return name_; }

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  Database(std::string name, sqlite3* database) : name_(std::move(name)), database_(database) {}
  std::string name_;  ///< The path, as operators know it.
  std::unique_ptr<sqlite3, Closer> database_;
};

/// A transaction that is undone unless it is committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  Result<void> begin();
  Result<void> commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace torchkeep::keyserver::sqlite
