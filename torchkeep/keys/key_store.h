#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "torchkeep/base/ids.h"

/// Where a key server keeps its rows: an untrusted disk. Nothing here is believed when it is read
/// back; the key server checks each row against its log (docs/formats/key-store.md).
namespace torchkeep::keys {

struct LogRow {
  std::uint64_t position = 0;  ///< 0, 1, 2, ...
  Bytes entry;                 ///< Canonical JSON.
  Digest256 hash{};            ///< SHA-256(previous hash || entry).
};

/// Rows written together or not at all.
struct StoreChange {
  std::vector<LogRow> log;
  std::optional<Bytes> head;  ///< Authenticated newest position and hash.
  struct Row {
    std::string table;  ///< "owner", "key", "statement", "meta".
    Bytes id;
    Bytes value;
  };
  std::vector<Row> rows;  ///< Inserted or replaced.
};

/// *Thread-safe.*
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Durable when it returns. Errors: Unavailable (disk full, locked), nothing changed then.
  virtual Result<void> write(const StoreChange& change) = 0;
  virtual Result<std::optional<Bytes>> find_row(std::string_view table, ByteView id) = 0;
  virtual Result<std::optional<Bytes>> find_head() = 0;
  /// Calls `visit` for each log row in order; stops at its first error.
  virtual Result<void> read_log(const std::function<Result<void>(const LogRow&)>& visit) = 0;
};

}  // namespace torchkeep::keys
