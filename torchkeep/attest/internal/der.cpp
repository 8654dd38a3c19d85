#include "torchkeep/attest/internal/der.h"

#include "torchkeep/base/text.h"

namespace torchkeep::attest::der {

Result<ByteView> Reader::take(std::uint8_t tag, std::string_view field) {
  ByteReader reader(left_);
  const std::uint8_t found = TRY(reader.take_u8(field));
  if (found != tag) {
    return malformed(field, ": found DER tag ", unsigned{found}, ", wanted ", unsigned{tag});
  }
  std::size_t size = TRY(reader.take_u8(field));
  // DER has one spelling of a length: short below 128, then as few bytes as it takes.
  if (size == 0x81) {
    size = TRY(reader.take_u8(field));
    if (size < 0x80) return malformed(field, ": DER length with a needless byte");
  } else if (size == 0x82) {
    size = TRY(reader.take_be16(field));
    if (size < 0x100) return malformed(field, ": DER length with a needless byte");
  } else if (size >= 0x80) {
    return malformed(field, ": DER length of unsupported form");
  }
  const ByteView content = TRY(reader.take(size, field));
  left_ = reader.rest();
  return content;
}

Result<std::uint16_t> parse_number(ByteView content, std::uint16_t max, std::string_view field) {
  if (content.empty()) return malformed(field, " has no value");
  if ((content[0] & 0x80) != 0) return malformed(field, " is negative");
  if (content.size() > 1 && content[0] == 0 && (content[1] & 0x80) == 0) {
    return malformed(field, " has a needless leading zero");
  }
  if (content.size() > 3) return malformed(field, " is above ", max);
  std::uint32_t value = 0;
  for (const std::uint8_t byte : content) value = value << 8 | byte;
  if (value > max) return malformed(field, " is ", value, ", at most ", max, " is allowed");
  return static_cast<std::uint16_t>(value);
}

Bytes encode_value(std::uint8_t tag, ByteView content) {
  TORCHKEEP_CHECK(content.size() <= 0xffff);
  Bytes out{tag};
  if (content.size() < 0x80) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else if (content.size() < 0x100) {
    out.push_back(0x81);
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    out.push_back(0x82);
    append_be16(out, static_cast<std::uint16_t>(content.size()));
  }
  append(out, content);
  return out;
}

Bytes encode_number(std::uint8_t tag, std::uint16_t value) {
  Bytes content;
  append_be16(content, value);
  if (content[0] == 0 && (content[1] & 0x80) == 0) content.erase(content.begin());
  if ((content[0] & 0x80) != 0) content.insert(content.begin(), 0);
  return encode_value(tag, content);
}

}  // namespace torchkeep::attest::der
