#include "torchkeep/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "torchkeep/base/text.h"

namespace torchkeep {
namespace {

Error system_error(std::string_view doing, const Path& path) {
  const int cause = errno;
  const std::string message = text(doing, " ", path.string(), ": ", std::strerror(cause));
  return Error{cause == ENOENT ? ErrorCode::NotFound : ErrorCode::Unavailable, message};
}

template <typename Buffer>
Result<Buffer> load_into(const Path& path, std::size_t max_bytes) {
  FileSource source = TRY(FileSource::open(path));
  if (source.size() > max_bytes) {
    return malformed(path.string(), " has ", source.size(), " bytes, at most ", max_bytes,
                     " are expected");
  }
  Buffer buffer(static_cast<std::size_t>(source.size()));
  if constexpr (std::is_same_v<Buffer, SecretBytes>) {
    TRY(source.read_exactly(buffer.expose()));
  } else {
    TRY(source.read_exactly(buffer));
  }
  return buffer;
}

/// A rename is durable only when the folder that holds the name is.
Result<void> flush_folder(const Path& folder) {
  const Path named = folder.empty() ? Path(".") : folder;
  const int descriptor = ::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_error("opening", named);
  const int flushed = ::fsync(descriptor);
  const Error failure = system_error("flushing", named);
  ::close(descriptor);
  if (flushed != 0) return failure;
  return {};
}

}  // namespace

Result<Bytes> load_file(const Path& path, std::size_t max_bytes) {
  return load_into<Bytes>(path, max_bytes);
}

Result<SecretBytes> load_secret_file(const Path& path, std::size_t max_bytes) {
  return load_into<SecretBytes>(path, max_bytes);
}

Result<void> store_file(const Path& path, ByteView bytes, unsigned mode) {
  FileSink sink = TRY(FileSink::create(path, mode));
  TRY(sink.write(bytes));
  return sink.commit();
}

Result<FileSource> FileSource::open(const Path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return system_error("opening", path);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    const Error failure = system_error("examining", path);
    ::close(descriptor);
    return failure;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return invalid_argument(path.string(), " is not a regular file");
  }
  return FileSource(descriptor, static_cast<std::uint64_t>(status.st_size));
}

FileSource::FileSource(FileSource&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      position_(other.position_) {}

FileSource::~FileSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> FileSource::read_exactly(MutableByteView out) {
  TRY(read_exactly_at(position_, out));
  position_ += out.size();
  return {};
}

Result<void> FileSource::read_exactly_at(std::uint64_t offset, MutableByteView out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unavailable("reading a file: ", std::strerror(errno));
    if (count == 0) return malformed("the file ends at byte ", offset, ", more was expected");
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<bool> FileSource::at_end() const {
  std::uint8_t byte = 0;
  for (;;) {
    const ssize_t count = ::pread(descriptor_, &byte, 1, static_cast<off_t>(position_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unavailable("reading a file: ", std::strerror(errno));
    return count == 0;
  }
}

Result<FileSink> FileSink::create(const Path& path, unsigned mode) {
  static std::atomic<unsigned> count{0};  // threads may write the same file at the same time
  Path unfinished = path;
  unfinished += text(".unfinished.", ::getpid(), ".", count++);
  const int descriptor =
      ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  if (descriptor < 0) return system_error("creating", unfinished);
  return FileSink(descriptor, path, std::move(unfinished));
}

FileSink::FileSink(FileSink&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      unfinished_(std::move(other.unfinished_)) {}

FileSink::~FileSink() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(unfinished_.c_str());
}

Result<void> FileSink::write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("writing", unfinished_);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> FileSink::commit() {
  if (::fsync(descriptor_) != 0) return system_error("flushing", unfinished_);
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) return system_error("naming", path_);
  ::close(std::exchange(descriptor_, -1));
  return flush_folder(path_.parent_path());
}

}  // namespace torchkeep
