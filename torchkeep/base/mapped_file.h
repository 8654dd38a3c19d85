#pragma once

#include "torchkeep/base/file.h"

namespace torchkeep {

/// A file mapped for reading, for those that need parts of a large one. Only on the machine of who
/// owns the file: one that shrinks meanwhile ends the program. Move-only.
class MappedFile {
 public:
  /// Errors: NotFound, Unavailable, InvalidArgument for anything but a regular file.
  static Result<MappedFile> open(const Path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  /// Stay where they are when the object is moved.
  ByteView bytes() const { return {static_cast<const std::uint8_t*>(start_), size_}; }

  /// Says that `part`, which lies in `bytes()`, was read: its pages leave memory, but for the last,
  /// and are read from the file again if somebody wants them.
  void let_go(ByteView part) const;

 private:
  MappedFile() = default;
  void* start_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace torchkeep
