#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "torchkeep/base/bytes.h"

/// Secrets in memory. Their pages are excluded from core dumps (where the kernel can), and are
/// wiped before they are reused or returned to it.
namespace torchkeep {

/// Overwrites the bytes in a way that no compiler removes.
void wipe(MutableByteView bytes);

/// Compares without telling by its duration where the difference is. Sizes are public.
bool equal_in_constant_time(ByteView left, ByteView right);

/// Bytes that are wiped when they go. Move-only; does not print, does not compare.
/// *Not thread-safe*, like any value.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// `size` zero bytes on pages of their own, aligned to 4096.
  explicit SecretBytes(std::size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  /// Copies `bytes` in; the caller wipes its own copy.
  static SecretBytes copy_of(ByteView bytes);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// The bytes, while the caller holds them; never to be stored, logged or copied into a string.
  ByteView expose() const { return {data_, size_}; }
  MutableByteView expose() { return {data_, size_}; }

  /// Wipes a part that is no longer needed and gives its whole pages back to the system; it reads
  /// as zeros from then on. For large secrets that are consumed piece by piece.
  void discard(std::size_t offset, std::size_t size);

  bool operator==(const SecretBytes&) const = delete;

 private:
  void release();

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace internal {
// The pages behind all secrets; sizes are rounded up to powers of two, small blocks are kept for
// reuse so that a request does not leave the enclave for its memory.
void* allocate_secret(std::size_t size);
void free_secret(void* memory, std::size_t size);  // wipes first
}  // namespace internal

/// An allocator whose memory is wiped when freed, and whose new elements are left uninitialised.
template <typename T>
struct SecretAllocator {
  using value_type = T;
  SecretAllocator() = default;
  template <typename U>
  SecretAllocator(const SecretAllocator<U>&) {}
  T* allocate(std::size_t count) {
    return static_cast<T*>(internal::allocate_secret(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) {
    internal::free_secret(memory, count * sizeof(T));
  }
  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
  bool operator==(const SecretAllocator&) const { return true; }
};

/// A growing buffer for request and answer bodies, which may carry keys or private tensors.
using SecretBuffer = std::vector<std::uint8_t, SecretAllocator<std::uint8_t>>;

/// Appends at memory's speed: `insert` and `assign` copy byte by byte through such an allocator.
void append(SecretBuffer& out, ByteView more);
SecretBuffer to_secret_buffer(ByteView bytes);

}  // namespace torchkeep
