#pragma once

#include <string>
#include <string_view>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/secret.h"

/// Bytes as text: lower-case hex, and base64 (RFC 4648 section 4, with padding).
namespace torchkeep {

std::string encode_hex(ByteView bytes);
/// Errors: Malformed on an odd length or another character. Both cases are read.
Result<Bytes> decode_hex(std::string_view text);
template <std::size_t N>
Result<ByteArray<N>> decode_hex_array(std::string_view text) {
  const Bytes bytes = TRY(decode_hex(text));
  return to_array<N>(bytes);
}

std::string encode_base64(ByteView bytes);
/// Errors: Malformed on wrong padding, another character or stray bits.
Result<Bytes> decode_base64(std::string_view text);

}  // namespace torchkeep
