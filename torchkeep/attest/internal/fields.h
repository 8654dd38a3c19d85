#pragma once

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

/// Fields that Intel's documents and our policies share. `Reader` is json::FieldReader or
/// json::ObjectReader.
namespace torchkeep::attest {

/// Hex digits of exactly N bytes, of either case. Errors: Malformed.
template <std::size_t N, typename Reader>
Result<ByteArray<N>> take_hex(Reader& reader, std::string_view field) {
  const auto digits = TRY(reader.take_string(field));
  return decode_hex_array<N>(digits).context(text(reader.what(), ".", field));
}

/// A whole number of at most `max`. Errors: Malformed.
template <typename Reader>
Result<std::uint64_t> take_bounded(Reader& reader, std::string_view field, std::uint64_t max) {
  const std::uint64_t value = TRY(reader.take_unsigned(field));
  if (value > max) {
    return malformed(reader.what(), ": field \"", field, "\" is ", value, ", at most ", max,
                     " is allowed");
  }
  return value;
}

}  // namespace torchkeep::attest
