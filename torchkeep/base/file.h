#pragma once

#include <filesystem>
#include <string>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/secret.h"

/// Files on an untrusted disk. Writing is all or nothing: a crash or a full disk leaves the old file.
namespace torchkeep {

using Path = std::filesystem::path;

/// Reads a whole file of at most `max_bytes`.
/// Errors: NotFound; Unavailable if it cannot be read; Malformed if it is larger.
Result<Bytes> load_file(const Path& path, std::size_t max_bytes);
Result<SecretBytes> load_secret_file(const Path& path, std::size_t max_bytes);

/// Replaces a file durably. `mode` as for open(2).
Result<void> store_file(const Path& path, ByteView bytes, unsigned mode = 0644);

/// A file that is read from front to back, once. Move-only.
class FileSource {
 public:
  /// Errors: NotFound, Unavailable, InvalidArgument for anything but a regular file.
  static Result<FileSource> open(const Path& path);
  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&&) = delete;
  ~FileSource();

  std::uint64_t size() const { return size_; }  ///< At opening; the host may lie or change it.
  /// Fills `out` entirely. Errors: Malformed if the file ends first; Unavailable.
  Result<void> read_exactly(MutableByteView out);
  /// Fills `out` with bytes at `offset`; does not move the reading position. *Thread-safe.*
  Result<void> read_exactly_at(std::uint64_t offset, MutableByteView out) const;
  /// True when no byte is left.
  Result<bool> at_end() const;

 private:
  FileSource(int descriptor, std::uint64_t size) : descriptor_(descriptor), size_(size) {}
  int descriptor_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

/// A new file that appears under its name only at `commit`; before that, nothing is left behind.
class FileSink {
 public:
  static Result<FileSink> create(const Path& path, unsigned mode = 0644);
  FileSink(FileSink&& other) noexcept;
  FileSink& operator=(FileSink&&) = delete;
  ~FileSink();  ///< Removes the unfinished file.

  /// Errors: Unavailable, naming the path and the cause (a full disk among them).
  Result<void> write(ByteView bytes);
  /// Flushes file and folder to the disk and gives the file its name.
  Result<void> commit();

 private:
  FileSink(int descriptor, Path path, Path unfinished)
      : descriptor_(descriptor), path_(std::move(path)), unfinished_(std::move(unfinished)) {}
  int descriptor_;
  Path path_;
  Path unfinished_;
};

}  // namespace torchkeep
