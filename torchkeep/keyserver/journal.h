#pragma once

#include <map>

#include "torchkeep/keyserver/entry.h"
#include "torchkeep/keyserver/vault.h"

/// The key server's log over an untrusted store. Each entry is hashed onto the one before, names
/// the digest of every row written with it, and the newest hash is signed: an edited, swapped,
/// deleted or earlier row is noticed when the store is read and again when a row is used, and is
/// named. What it cannot notice is a whole store put back while the key server is down; that takes
/// witnesses.
namespace torchkeep::keyserver {

/// *Not thread-safe.* Store and identity outlive it.
class Journal {
 public:
  Journal(keys::KeyStore& store, const Identity& identity) : store_(store), identity_(identity) {}

  /// Reads and verifies the log, its head and every row that it names, and returns the entries in
  /// order. After a write of unknown outcome it accepts the state before or after that write alone.
  /// Errors: Untrusted, naming the entry or row; Malformed; Unavailable.
  Result<std::vector<LogEntry>> load();

  /// Writes an entry and its rows durably, all or nothing, and returns its position. `entry.rows`
  /// is filled in here. Errors: Unavailable: the outcome may be open, `in_doubt` says so, then
  /// `load` must come first. Untrusted if the store was exchanged under the running key server.
  Result<std::uint64_t> append(LogEntry entry, std::vector<keys::StoreChange::Row> rows);

  /// A row, exactly as it was written. Errors: Untrusted, naming the row and what is wrong.
  Result<Bytes> load_row(std::string_view table, ByteView id);

  bool in_doubt() const { return pending_.has_value(); }
  std::uint64_t size() const { return size_; }

 private:
  struct KnownRow {
    Digest256 digest{};
    std::uint64_t position = 0;      ///< Of the entry that it was last written with.
    std::vector<Digest256> earlier;  ///< What it held before.
  };
  using KnownRows = std::map<RowId, KnownRow>;
  static void take_in(KnownRows& rows, const RowDigest& written, std::uint64_t position);
  /// What a load finds; replaces the old state only when all of it holds.
  struct Reading;
  LogHead head() const { return {size_ - 1, newest_hash_}; }
  Result<LogHead> load_head() const;
  static Result<void> check_row(const KnownRows& rows, const RowId& row,
                                const std::optional<Bytes>& value);

  keys::KeyStore& store_;
  const Identity& identity_;
  std::uint64_t size_ = 0;
  Digest256 newest_hash_{};
  KnownRows rows_;
  std::optional<LogHead> pending_;
};

/// True if nothing of a key server is in this store: the only state in which one may begin.
Result<bool> is_empty(keys::KeyStore& store);

/// A row as people read it: "key of model 3fa9... version 2".
std::string describe(const RowId& row);

inline constexpr std::string_view kMetaTable = "meta";
inline constexpr std::string_view kOwnerTable = "owner";
inline constexpr std::string_view kKeyTable = "key";
inline constexpr std::string_view kStatementTable = "statement";
inline constexpr std::string_view kIdentityRow = "genesis";
/// Model id (32) || LE64 version.
Bytes key_row_id(const ModelId& model, std::uint64_t version);

}  // namespace torchkeep::keyserver
