#pragma once

#include "torchkeep/base/clock.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"

/// Intel's signed documents: {"NAME":{...},"signature":"hex"}. The signature covers the bytes of
/// the inner object as they were served, so these are kept, and only what they say is read. Source:
/// Intel PCS API v4, "Get TCB Info".
namespace torchkeep::attest {

struct SignedJson {
  Bytes signed_bytes;
  ByteArray<64> signature{};  ///< r || s
  json::Json content;         ///< Read from `signed_bytes`.
};

/// `name` is the inner object's: "tcbInfo". Errors: Malformed, also for further outer fields.
Result<SignedJson> parse_signed_json(ByteView document, std::string_view name);

/// Hex digits of exactly N bytes, of either case, from a field of `reader`.
template <std::size_t N>
Result<ByteArray<N>> take_hex(json::ObjectReader& reader, std::string_view field) {
  const std::string digits = TRY(reader.take_string(field));
  return decode_hex_array<N>(digits).context(text(reader.what(), ".", field));
}

/// A whole number of at most `max`.
Result<std::uint64_t> take_bounded(json::ObjectReader& reader, std::string_view field,
                                   std::uint64_t max);
Result<TimePoint> take_time(json::ObjectReader& reader, std::string_view field);
/// An array of strings; empty if the field is absent.
Result<std::vector<std::string>> find_strings(json::ObjectReader& reader, std::string_view field);

}  // namespace torchkeep::attest
