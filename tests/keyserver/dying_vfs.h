#pragma once

#include <map>

#include <sqlite3.h>
#include <unistd.h>

namespace torchkeep::keyserver {

inline constexpr int kDied = 77;

namespace dying {

// SQLite's own interface takes no context, so this process's one countdown is here.
inline std::size_t writes_left = 0;
inline std::map<sqlite3_file*, const sqlite3_io_methods*>& methods() {
  static std::map<sqlite3_file*, const sqlite3_io_methods*> real;
  return real;
}
inline sqlite3_vfs& system_vfs() {
  static sqlite3_vfs& vfs = *sqlite3_vfs_find(nullptr);
  return vfs;
}
/// True when it is time to die.
inline bool count() { return writes_left-- == 0; }

inline int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const auto* real = methods().at(file);
  if (!count()) return real->xWrite(file, bytes, size, offset);
  // A write that is torn in the middle.
  (void)real->xWrite(file, bytes, size / 2, offset);
  ::_exit(kDied);
}
inline int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (count()) ::_exit(kDied);
  return methods().at(file)->xTruncate(file, size);
}
inline int sync(sqlite3_file* file, int flags) {
  if (count()) ::_exit(kDied);
  return methods().at(file)->xSync(file, flags);
}
inline int close(sqlite3_file* file) {
  const auto* real = methods().at(file);
  methods().erase(file);
  return real->xClose(file);
}

inline int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  const int code = system_vfs().xOpen(&system_vfs(), name, file, flags, out);
  if (file->pMethods == nullptr) return code;
  // One table of methods for each of the system's; they live as long as the process.
  static std::map<const sqlite3_io_methods*, sqlite3_io_methods> tables;
  const auto [table, fresh] = tables.try_emplace(file->pMethods, *file->pMethods);
  if (fresh) {
    table->second.xWrite = write;
    table->second.xTruncate = truncate;
    table->second.xSync = sync;
    table->second.xClose = close;
  }
  methods()[file] = file->pMethods;
  file->pMethods = &table->second;
  return code;
}

}  // namespace dying

/// From now on this process ends in the middle of that write, truncation or flush of SQLite's,
/// counted from 0. For a child process alone.
inline void die_at_write(std::size_t number) {
  dying::writes_left = number;
  static sqlite3_vfs vfs = dying::system_vfs();
  vfs.zName = "dying";
  vfs.pNext = nullptr;
  vfs.xOpen = dying::open;
  sqlite3_vfs_register(&vfs, 1);
}

}  // namespace torchkeep::keyserver
