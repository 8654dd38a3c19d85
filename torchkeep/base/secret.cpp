#include "torchkeep/base/secret.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include <sys/mman.h>

#include "torchkeep/base/poison.h"

namespace torchkeep {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kLargestKeptBytes = std::size_t{1} << 22;  // 4 MiB
// Of a large block at once: pages that went before it come back while they are wiped.
constexpr std::size_t kWipedAtOnceBytes = std::size_t{1} << 24;
// Enough for the caches that a language model answers with, of one size all of them.
constexpr std::size_t kKeptPerClass = 64;
constexpr std::size_t kKeptBytesPerClass = std::size_t{1} << 24;  // fewer of the largest
constexpr std::size_t kClasses = 11;                              // 4 KiB << 0 .. 4 KiB << 10
// Behind each block where the address sanitizer looks, which knows nothing of memory from mmap.
constexpr std::size_t kRedZoneBytes = kPoisons ? 64 : 0;

std::size_t block_bytes(std::size_t size) {
  size += kRedZoneBytes;
  if (size > kLargestKeptBytes) return (size + kPageBytes - 1) / kPageBytes * kPageBytes;
  return std::bit_ceil(std::max(size, kPageBytes));
}

/// Wiped blocks that wait for reuse, by size class. *Thread-safe.*
/// The one global of this room: an allocator has nowhere to be handed in.
class KeptBlocks {
 public:
  void* take(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    auto& kept = classes_[class_of(bytes)];
    if (kept.count == 0) return nullptr;
    return kept.blocks[--kept.count];
  }
  bool keep(void* block, std::size_t bytes) {
    std::lock_guard lock(mutex_);
    auto& kept = classes_[class_of(bytes)];
    if (kept.count == std::min(kKeptPerClass, kKeptBytesPerClass / bytes)) return false;
    kept.blocks[kept.count++] = block;
    return true;
  }

 private:
  struct Class {
    std::array<void*, kKeptPerClass> blocks{};
    std::size_t count = 0;
  };
  static std::size_t class_of(std::size_t bytes) {
    return static_cast<std::size_t>(std::countr_zero(bytes / kPageBytes));
  }
  std::mutex mutex_;
  std::array<Class, kClasses> classes_;  // guarded by mutex_
};

KeptBlocks& kept_blocks() {
  static KeptBlocks blocks;
  return blocks;
}

}  // namespace

void wipe(MutableByteView bytes) {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(ByteView left, ByteView right) {
  if (left.size() != right.size()) return false;
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (left[i] ^ right[i]));
  }
  return difference == 0;
}

void append(SecretBuffer& out, ByteView more) {
  if (more.empty()) return;
  const std::size_t before = out.size();
  if (out.capacity() - before < more.size()) {
    SecretBuffer larger;
    larger.reserve(std::max(before + more.size(), 2 * before));
    larger.resize(before);
    if (before > 0) std::memcpy(larger.data(), out.data(), before);
    out.swap(larger);
  }
  out.resize(before + more.size());
  std::memcpy(out.data() + before, more.data(), more.size());
}

SecretBuffer to_secret_buffer(ByteView bytes) {
  SecretBuffer out;
  append(out, bytes);
  return out;
}

namespace internal {

namespace {

void* take_block(std::size_t bytes) {
  if (bytes <= kLargestKeptBytes) {
    if (void* kept = kept_blocks().take(bytes)) return kept;
  }
  void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  // Both are hardening where the kernel offers them; the SGX LibOS has neither and needs neither
  // (it never dumps core), so their failure is no error.
  (void)madvise(block, bytes, MADV_DONTDUMP);
  if (bytes > kLargestKeptBytes) (void)madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

ByteView view_of(const void* block, std::size_t bytes) {
  return {static_cast<const std::uint8_t*>(block), bytes};
}

void release_large(std::uint8_t* block, std::size_t bytes) {
  unpoison(view_of(block, bytes));
  while (bytes > 0) {
    const std::size_t part = std::min(bytes, kWipedAtOnceBytes);
    explicit_bzero(block, part);
    munmap(block, part);
    block += part;
    bytes -= part;
  }
}

}  // namespace

void* allocate_secret(std::size_t size) {
  const std::size_t bytes = block_bytes(size);
  void* block = take_block(bytes);
  poison(view_of(block, bytes));
  unpoison(view_of(block, size));
  return block;
}

void free_secret(void* memory, std::size_t size) {
  if (memory == nullptr) return;
  const std::size_t bytes = block_bytes(size);
  if (bytes > kLargestKeptBytes) {
    release_large(static_cast<std::uint8_t*>(memory), bytes);
    return;
  }
  explicit_bzero(memory, size);
  poison(view_of(memory, bytes));  // what waits for reuse is nobody's
  if (kept_blocks().keep(memory, bytes)) return;
  unpoison(view_of(memory, bytes));
  munmap(memory, bytes);
}

}  // namespace internal

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size > 0) data_ = static_cast<std::uint8_t*>(internal::allocate_secret(size));
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() { release(); }

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes copy(bytes.size());
  std::ranges::copy(bytes, copy.data_);
  return copy;
}

void SecretBytes::discard(std::size_t offset, std::size_t size) {
  TORCHKEEP_CHECK(offset <= size_ && size <= size_ - offset);
  for (std::size_t end = offset + size; offset < end;) {
    const std::size_t part = std::min(end - offset, kWipedAtOnceBytes - offset % kPageBytes);
    wipe(expose().subspan(offset, part));
    const std::size_t first = (offset + kPageBytes - 1) / kPageBytes * kPageBytes;
    const std::size_t last = (offset + part) / kPageBytes * kPageBytes;
    // Anonymous pages come back as zeros when touched again.
    if (last > first) (void)madvise(data_ + first, last - first, MADV_DONTNEED);
    offset += part;
  }
}

void SecretBytes::release() {
  internal::free_secret(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace torchkeep
