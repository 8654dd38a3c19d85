#include "torchkeep/runtime/graph/wire.h"

#include <bit>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime::wire {

float Field::as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(value)); }

Result<std::uint64_t> Reader::take_varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10 && i < left_.size(); ++i) {
    const std::uint8_t byte = left_[i];
    if (i == 9 && byte > 1) return malformed("a varint has more than 64 bits");
    value |= std::uint64_t{byte & 0x7Fu} << (7 * i);
    if ((byte & 0x80) == 0) {
      left_ = left_.subspan(i + 1);
      return value;
    }
  }
  return malformed("a varint does not end");
}

Result<std::optional<Field>> Reader::next() {
  if (left_.empty()) return std::optional<Field>();
  const ByteView start = left_;
  const std::uint64_t key = TRY(take_varint());
  if (key >> 3 == 0 || key >> 3 > (1u << 29) - 1) return malformed("a field number out of range");
  Field field;
  field.number = static_cast<std::uint32_t>(key >> 3);
  std::uint64_t size = 0;
  switch (key & 7) {
    case 0: field.value = TRY(take_varint()); break;
    case 1: size = 8; break;
    case 2: size = TRY(take_varint()); break;
    case 5: size = 4; break;
    default: return malformed("field ", field.number, " has wire type ", key & 7);
  }
  field.type = static_cast<WireType>(key & 7);
  if (size > left_.size()) {
    return malformed("field ", field.number, " of ", size, " bytes, but ", left_.size(),
                     " are left");
  }
  field.bytes = left_.first(size);
  left_ = left_.subspan(size);
  if (field.type == WireType::Fixed32) field.value = load_le32(field.bytes);
  if (field.type == WireType::Fixed64) field.value = load_le64(field.bytes);
  field.whole = start.first(start.size() - left_.size());
  return std::optional(field);
}

Result<void> expect(const Field& field, WireType type, std::string_view what) {
  if (field.type == type) return {};
  return malformed(what, " (field ", field.number, ") has wire type ",
                   static_cast<int>(field.type));
}

namespace {

// A packed run of varints has no keys; it is read as one varint after the other.
Result<std::uint64_t> take_packed_varint(ByteView& left) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10 && i < left.size(); ++i) {
    value |= std::uint64_t{left[i] & 0x7Fu} << (7 * i);
    if ((left[i] & 0x80) == 0) {
      left = left.subspan(i + 1);
      return value;
    }
  }
  return malformed("a packed varint does not end");
}

}  // namespace

Result<void> append_ints(const Field& field, std::vector<std::int64_t>& out,
                         std::size_t max_count) {
  ByteView left = field.bytes;
  if (field.type == WireType::Varint) {
    out.push_back(field.as_int());
  } else {
    TRY(expect(field, WireType::Bytes, "a list of integers"));
    while (!left.empty()) {
      if (out.size() >= max_count) break;
      out.push_back(static_cast<std::int64_t>(TRY(take_packed_varint(left))));
    }
  }
  if (!left.empty() || out.size() > max_count) {
    return malformed("a list of integers has more than ", max_count);
  }
  return {};
}

Result<void> append_floats(const Field& field, std::vector<float>& out, std::size_t max_count) {
  if (field.type == WireType::Fixed32) {
    out.push_back(field.as_float());
  } else {
    TRY(expect(field, WireType::Bytes, "a list of floats"));
    if (field.bytes.size() % 4 != 0)
      return malformed("a list of floats has ", field.bytes.size(), " bytes");
    if (field.bytes.size() / 4 > max_count)
      return malformed("a list of floats has more than ", max_count);
    for (std::size_t i = 0; i < field.bytes.size(); i += 4) {
      out.push_back(std::bit_cast<float>(load_le32(field.bytes.subspan(i, 4))));
    }
  }
  if (out.size() > max_count) return malformed("a list of floats has more than ", max_count);
  return {};
}

void append_varint(SecretBuffer& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(value));
}

void append_int(SecretBuffer& out, std::uint32_t number, std::int64_t value) {
  append_varint(out, std::uint64_t{number} << 3);
  append_varint(out, static_cast<std::uint64_t>(value));
}

void append_field(SecretBuffer& out, std::uint32_t number, ByteView bytes) {
  append_varint(out, std::uint64_t{number} << 3 | 2);
  append_varint(out, bytes.size());
  append(out, bytes);
}

}  // namespace torchkeep::runtime::wire
