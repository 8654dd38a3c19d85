#pragma once

#include "torchkeep/base/bytes.h"

/// The little of DER that the SGX extension of a PCK certificate needs. Nothing recurses here.
/// Source: ITU-T X.690.
namespace torchkeep::attest::der {

inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kObjectId = 0x06;
inline constexpr std::uint8_t kEnumerated = 0x0a;
inline constexpr std::uint8_t kSequence = 0x30;

/// Takes the values of one constructed value, front to back.
class Reader {
 public:
  explicit Reader(ByteView content) : left_(content) {}
  /// The content of the next value, which must have this tag. Errors: Malformed, naming `field`.
  Result<ByteView> take(std::uint8_t tag, std::string_view field);
  bool empty() const { return left_.empty(); }

 private:
  ByteView left_;
};

/// A non-negative INTEGER or ENUMERATED of at most `max`. Errors: Malformed, naming `field`.
Result<std::uint16_t> parse_number(ByteView content, std::uint16_t max, std::string_view field);

/// Tag, length and content; at most 65,535 bytes.
Bytes encode_value(std::uint8_t tag, ByteView content);
Bytes encode_number(std::uint8_t tag, std::uint16_t value);

}  // namespace torchkeep::attest::der
