#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "torchkeep/base/text.h"

/// Strict JSON. What we sign or authenticate has one spelling; what we read has no unknown,
/// repeated or misspelt field. Never for secrets: the tree's memory is not wiped.
namespace torchkeep::json {

using Json = nlohmann::json;  // objects are sorted by key

/// Reads one JSON document: UTF-8, at most 32 levels, no repeated key, nothing behind it.
/// Errors: Malformed, with the place.
Result<Json> parse(std::string_view text);

/// The canonical spelling: keys sorted by their bytes, no white space, numbers as integers.
/// Errors cannot occur: a float in canonical data is a broken invariant of ours.
std::string encode_canonical(const Json& value);

/// Reads `text` and refuses every spelling but the canonical one. Errors: Malformed.
Result<Json> parse_canonical(std::string_view text);

/// Takes the fields of one object; `finish` refuses those that nobody took.
/// Errors of every take: Malformed, naming `what` and the field. The Json must outlive the reader.
class ObjectReader {
 public:
  /// `what` names the object in errors: "policy.workers[0]".
  static Result<ObjectReader> open(const Json& value, std::string what);

  bool has(std::string_view field) const;
  Result<std::string> take_string(std::string_view field);
  Result<std::uint64_t> take_unsigned(std::string_view field);
  Result<bool> take_bool(std::string_view field);
  Result<const Json*> take_object(std::string_view field);
  Result<const Json*> take_array(std::string_view field);
  Result<const Json*> take_any(std::string_view field);
  /// An array of strings.
  Result<std::vector<std::string>> take_strings(std::string_view field);

  // Absent fields: nullopt (or null pointer). A field that is there must have the right type.
  Result<std::optional<std::string>> find_string(std::string_view field);
  Result<std::optional<std::uint64_t>> find_unsigned(std::string_view field);
  Result<std::optional<bool>> find_bool(std::string_view field);
  const Json* find_any(std::string_view field);

  /// Errors: Malformed if a field is left that nobody took; it names the field and the known ones.
  Result<void> finish() const;

  const std::string& what() const { return what_; }

 private:
  ObjectReader(const Json& value, std::string what) : value_(&value), what_(std::move(what)) {}
  Error wrong_type(std::string_view field, std::string_view wanted) const;
  const Json* value_;
  std::string what_;
  std::vector<std::string_view> taken_;  // keys of *value_
};

}  // namespace torchkeep::json
