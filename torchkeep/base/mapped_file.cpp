#include "torchkeep/base/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torchkeep/base/text.h"

namespace torchkeep {

Result<MappedFile> MappedFile::open(const Path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return not_found(path.native(), " is not there");
  if (descriptor < 0) return unavailable(path.native(), ": ", std::strerror(errno));
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return invalid_argument(path.native(), " is no regular file");
  }
  MappedFile file;
  file.size_ = static_cast<std::size_t>(status.st_size);
  if (file.size_ > 0)
    file.start_ = mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (file.start_ == MAP_FAILED)
    return unavailable(path.native(), " cannot be mapped: ", std::strerror(errno));
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}

void MappedFile::let_go(ByteView part) const {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(part.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  // Where the system does not do so, the pages stay.
  if (end > start) (void)madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (start_ != nullptr && start_ != MAP_FAILED) munmap(start_, size_);
}

}  // namespace torchkeep
