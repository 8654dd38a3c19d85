#pragma once

#include <map>
#include <utility>

#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"
#include "torchkeep/keys/key_store.h"

namespace torchkeep::testing {

/// A key store that forgets all when it goes. *Thread-safe* but for `contents`, through which a
/// test plays the host: it edits, swaps, deletes, puts back.
class MemoryKeyStore final : public keys::KeyStore {
 public:
  struct Contents {
    std::vector<keys::LogRow> log;
    std::optional<Bytes> head;
    std::map<std::pair<std::string, Bytes>, Bytes> rows;  ///< By table and id.
  };
  Contents contents;

  Result<void> write(const keys::StoreChange& change) override {
    const MutexLock lock(mutex_);
    contents.log.insert(contents.log.end(), change.log.begin(), change.log.end());
    if (change.head) contents.head = change.head;
    for (const auto& row : change.rows) contents.rows[{row.table, row.id}] = row.value;
    return {};
  }
  Result<std::optional<Bytes>> find_row(std::string_view table, ByteView id) override {
    const MutexLock lock(mutex_);
    const auto found = contents.rows.find({std::string(table), to_bytes(id)});
    if (found == contents.rows.end()) return std::optional<Bytes>();
    return std::optional(found->second);
  }
  Result<std::optional<Bytes>> find_head() override {
    const MutexLock lock(mutex_);
    return contents.head;
  }
  Result<void> read_log(const std::function<Result<void>(const keys::LogRow&)>& visit) override {
    const MutexLock lock(mutex_);
    for (const keys::LogRow& row : contents.log) TRY(visit(row));
    return {};
  }

 private:
  Mutex mutex_;
};

}  // namespace torchkeep::testing
