#pragma once

#include "torchkeep/attest/internal/fields.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/json/document.h"

/// Intel's signed documents: {"NAME":{...},"signature":"hex"}. The signature covers the bytes of
/// the inner object as they were served, so these are kept, and only what they say is read. Source:
/// Intel PCS API v4, "Get TCB Info".
namespace torchkeep::attest {

struct SignedJson {
  Bytes signed_bytes;
  ByteArray<64> signature{};  ///< r || s
  json::Element content;      ///< What `signed_bytes` say.
  json::Document document;    ///< Holds `content`.
};

/// `name` is the inner object's: "tcbInfo". Errors: Malformed, also for further outer fields.
Result<SignedJson> parse_signed_json(ByteView document, std::string_view name);

/// Errors: Malformed.
Result<TimePoint> take_time(const json::FieldReader& reader, std::string_view field);
/// An array of strings; empty if the field is absent.
Result<std::vector<std::string>> find_strings(const json::FieldReader& reader,
                                              std::string_view field);

}  // namespace torchkeep::attest
