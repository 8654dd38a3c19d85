#include "torchkeep/crypto/internal/signed_der.h"

#include "torchkeep/base/encoding.h"

namespace torchkeep::crypto {
namespace {

constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kVersion = 0xa0;  // of a certificate: [0] EXPLICIT

struct Value {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;
};

/// Takes one value off the front of `left`.
std::optional<Value> take_value(ByteView& left) {
  if (left.size() < 2) return {};
  std::size_t header = 2;
  std::size_t size = left[1];
  if (size >= 0x80) {
    const std::size_t digits = size & 0x7f;
    if (digits == 0 || digits > 3 || left.size() < 2 + digits || left[2] == 0) return {};
    size = 0;
    for (std::size_t i = 0; i < digits; ++i) size = size << 8 | left[2 + i];
    if (size < 0x80) return {};
    header += digits;
  }
  if (left.size() - header < size) return {};
  const Value out{left[0], left.subspan(header, size), left.first(header + size)};
  left = left.subspan(header + size);
  return out;
}

// In what is signed the algorithm follows the version and, in a certificate, the serial number.
ByteView find_inner_algorithm(ByteView to_be_signed) {
  while (const auto value = take_value(to_be_signed)) {
    if (value->tag == kSequence) return value->whole;
    if (value->tag != kVersion && value->tag != kInteger) return {};
  }
  return {};
}

}  // namespace

std::optional<SignedDer> find_signed_der(ByteView der) {
  const auto outer = take_value(der);
  if (!outer || outer->tag != kSequence || !der.empty()) return {};
  ByteView parts = outer->content;
  const auto to_be_signed = take_value(parts);
  const auto algorithm = take_value(parts);
  const auto signature = take_value(parts);
  if (!to_be_signed || !algorithm || !signature || !parts.empty()) return {};
  if (to_be_signed->tag != kSequence || algorithm->tag != kSequence) return {};
  if (signature->tag != kBitString || signature->content.empty()) return {};
  if (signature->content[0] != 0) return {};  // unused bits
  if (!equal(find_inner_algorithm(to_be_signed->content), algorithm->whole)) return {};
  return SignedDer{to_be_signed->whole, algorithm->whole, signature->content.subspan(1)};
}

bool is_ecdsa_with_sha256(ByteView algorithm) {
  static const Bytes wanted = decode_hex("300a06082a8648ce3d040302").value();
  return equal(algorithm, wanted);
}

bool is_rsa_pss_with_sha384(ByteView algorithm) {
  // The trailer field is 1 either way; AMD's certificates write it down, DER would leave it out.
  static const std::string hash = "300d06096086480165030402020500";
  static const std::string parameters =
      "a00f" + hash + "a11c301a06092a864886f70d010108" + hash + "a203020130";
  static const Bytes implied = decode_hex("304106092a864886f70d01010a3034" + parameters).value();
  static const Bytes written =
      decode_hex("304606092a864886f70d01010a3039" + parameters + "a303020101").value();
  return equal(algorithm, implied) || equal(algorithm, written);
}

}  // namespace torchkeep::crypto
