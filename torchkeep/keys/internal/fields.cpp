#include "torchkeep/keys/internal/fields.h"

namespace torchkeep::keys::internal {

Result<TimePoint> take_time(json::ObjectReader& reader, std::string_view field) {
  const std::string written = TRY(reader.take_string(field));
  const auto time = parse_rfc3339(written);
  if (!time || format_rfc3339(*time) != written) {
    return malformed(reader.what(), ": field \"", field,
                     "\" is not a time like 2026-11-23T10:00:00Z");
  }
  return *time;
}

Result<std::uint64_t> take_between(json::ObjectReader& reader, std::string_view field,
                                   std::uint64_t least, std::uint64_t most) {
  const std::uint64_t value = TRY(reader.take_unsigned(field));
  if (value < least || value > most) {
    return malformed(reader.what(), ": field \"", field, "\" is ", value, ", allowed are ", least,
                     " to ", most);
  }
  return value;
}

Result<void> take_format(json::ObjectReader& reader) {
  const std::uint64_t format = TRY(reader.take_unsigned("format"));
  if (format != 1) {
    return malformed(reader.what(), ": format ", format, " is not known here, only 1 is");
  }
  return {};
}

}  // namespace torchkeep::keys::internal
