#pragma once

#include <memory>

#include "torchkeep/base/file.h"
#include "torchkeep/keys/key_store.h"

/// A key store in one SQLite file. The file is untrusted; SQLite is told to believe as little of it
/// as it can. No write-ahead log: its shared memory would be the host's.
namespace torchkeep::keyserver {

/// Opens or makes the file and keeps it locked for this process. *Thread-safe* once opened.
/// Errors are one line and say what to do: Unavailable (locked by another process, folder missing
/// or not writable, disk full), Malformed (damaged, no database, another program's database).
Result<std::unique_ptr<keys::KeyStore>> open_sqlite_key_store(const Path& path);

}  // namespace torchkeep::keyserver
