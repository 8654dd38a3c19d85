#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "torchkeep/base/result.h"

/// Public bytes and views of them. Secret bytes have a type of their own: base/secret.h.
namespace torchkeep {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

template <std::size_t N>
using ByteArray = std::array<std::uint8_t, N>;
using Digest256 = ByteArray<32>;
using Digest384 = ByteArray<48>;
using Digest512 = ByteArray<64>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline std::string to_string(ByteView view) { return std::string(as_text(view)); }

inline void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

/// For public bytes. Secrets are compared with `equal_in_constant_time` (base/secret.h).
bool equal(ByteView left, ByteView right);

/// Copies exactly N bytes. Errors: Malformed if `bytes` has another size.
template <std::size_t N>
Result<ByteArray<N>> to_array(ByteView bytes) {
  if (bytes.size() != N) return Error{ErrorCode::Malformed, "wrong size of a fixed-size field"};
  ByteArray<N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Fixed-width integers. `load_*` takes exactly that many bytes.
std::uint16_t load_le16(ByteView bytes);
std::uint32_t load_le32(ByteView bytes);
std::uint64_t load_le64(ByteView bytes);
std::uint16_t load_be16(ByteView bytes);
std::uint32_t load_be32(ByteView bytes);
std::uint64_t load_be64(ByteView bytes);
void append_le16(Bytes& out, std::uint16_t value);
void append_le32(Bytes& out, std::uint32_t value);
void append_le64(Bytes& out, std::uint64_t value);
void append_be16(Bytes& out, std::uint16_t value);
void append_be32(Bytes& out, std::uint32_t value);
void append_be64(Bytes& out, std::uint64_t value);

/// Takes foreign bytes apart from front to back; every take is checked against what is left.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : left_(bytes) {}

  /// `field` names what is being read, for the error. Errors: Malformed if too little is left.
  Result<ByteView> take(std::size_t size, std::string_view field);
  Result<std::uint8_t> take_u8(std::string_view field);
  Result<std::uint16_t> take_le16(std::string_view field);
  Result<std::uint32_t> take_le32(std::string_view field);
  Result<std::uint64_t> take_le64(std::string_view field);
  Result<std::uint16_t> take_be16(std::string_view field);
  Result<std::uint32_t> take_be32(std::string_view field);
  Result<std::uint64_t> take_be64(std::string_view field);
  template <std::size_t N>
  Result<ByteArray<N>> take_array(std::string_view field) {
    const ByteView taken = TRY(take(N, field));
    return *to_array<N>(taken);
  }

  ByteView rest() const { return left_; }
  bool empty() const { return left_.empty(); }

 private:
  ByteView left_;
};

}  // namespace torchkeep
