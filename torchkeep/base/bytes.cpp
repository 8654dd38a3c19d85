#include "torchkeep/base/bytes.h"

#include <algorithm>

#include "torchkeep/base/text.h"

namespace torchkeep {
namespace {

template <typename T>
T load_le(ByteView bytes) {
  TORCHKEEP_CHECK(bytes.size() == sizeof(T));
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = static_cast<T>((value << 8) | bytes[i]);
  return value;
}

template <typename T>
T load_be(ByteView bytes) {
  TORCHKEEP_CHECK(bytes.size() == sizeof(T));
  T value = 0;
  for (const std::uint8_t byte : bytes) value = static_cast<T>((value << 8) | byte);
  return value;
}

template <typename T>
void append_le(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

template <typename T>
void append_be(Bytes& out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

bool equal(ByteView left, ByteView right) { return std::ranges::equal(left, right); }

std::uint16_t load_le16(ByteView bytes) { return load_le<std::uint16_t>(bytes); }
std::uint32_t load_le32(ByteView bytes) { return load_le<std::uint32_t>(bytes); }
std::uint64_t load_le64(ByteView bytes) { return load_le<std::uint64_t>(bytes); }
std::uint16_t load_be16(ByteView bytes) { return load_be<std::uint16_t>(bytes); }
std::uint32_t load_be32(ByteView bytes) { return load_be<std::uint32_t>(bytes); }
std::uint64_t load_be64(ByteView bytes) { return load_be<std::uint64_t>(bytes); }
void append_le16(Bytes& out, std::uint16_t value) { append_le(out, value); }
void append_le32(Bytes& out, std::uint32_t value) { append_le(out, value); }
void append_le64(Bytes& out, std::uint64_t value) { append_le(out, value); }
void append_be16(Bytes& out, std::uint16_t value) { append_be(out, value); }
void append_be32(Bytes& out, std::uint32_t value) { append_be(out, value); }
void append_be64(Bytes& out, std::uint64_t value) { append_be(out, value); }

Result<ByteView> ByteReader::take(std::size_t size, std::string_view field) {
  if (size > left_.size()) {
    return malformed(field, " needs ", size, " bytes, but ", left_.size(), " are left");
  }
  const ByteView taken = left_.first(size);
  left_ = left_.subspan(size);
  return taken;
}

Result<std::uint8_t> ByteReader::take_u8(std::string_view field) { return TRY(take(1, field))[0]; }
Result<std::uint16_t> ByteReader::take_le16(std::string_view field) {
  return load_le16(TRY(take(2, field)));
}
Result<std::uint32_t> ByteReader::take_le32(std::string_view field) {
  return load_le32(TRY(take(4, field)));
}
Result<std::uint64_t> ByteReader::take_le64(std::string_view field) {
  return load_le64(TRY(take(8, field)));
}
Result<std::uint16_t> ByteReader::take_be16(std::string_view field) {
  return load_be16(TRY(take(2, field)));
}
Result<std::uint32_t> ByteReader::take_be32(std::string_view field) {
  return load_be32(TRY(take(4, field)));
}
Result<std::uint64_t> ByteReader::take_be64(std::string_view field) {
  return load_be64(TRY(take(8, field)));
}

}  // namespace torchkeep
