#pragma once

#include "torchkeep/base/clock.h"
#include "torchkeep/base/ids.h"
#include "torchkeep/json/json.h"

/// Fields that our documents share. Each has one spelling: lower-case hex, whole seconds in UTC, so
/// that what was signed is what an encoder of ours writes.
namespace torchkeep::keys::internal {

/// Errors: Malformed unless `field` is 2 * N lower-case hex digits.
template <std::size_t N>
Result<ByteArray<N>> take_hex(json::ObjectReader& reader, std::string_view field) {
  const std::string digits = TRY(reader.take_string(field));
  const auto bytes = decode_hex_array<N>(digits);
  if (!bytes || encode_hex(*bytes) != digits) {
    return malformed(reader.what(), ": field \"", field, "\" is not ", 2 * N,
                     " lower-case hex digits");
  }
  return *bytes;
}

template <typename SomeId>
Result<SomeId> take_id(json::ObjectReader& reader, std::string_view field) {
  return SomeId{TRY(take_hex<sizeof(SomeId)>(reader, field))};
}

/// Errors: Malformed unless `field` is a time like 2026-11-23T10:00:00Z.
Result<TimePoint> take_time(json::ObjectReader& reader, std::string_view field);

/// Errors: Malformed unless `field` is a whole number in `least`..`most`.
Result<std::uint64_t> take_between(json::ObjectReader& reader, std::string_view field,
                                   std::uint64_t least, std::uint64_t most);

/// Our documents say which format they are in. Errors: Malformed unless `"format":1`.
Result<void> take_format(json::ObjectReader& reader);

}  // namespace torchkeep::keys::internal
