#include "torchkeep/json/document.h"

#include <algorithm>
#include <array>

namespace torchkeep::json {
namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxFields = 100;

using simdjson::dom::array;
using simdjson::dom::object;

Result<void> check_element(const Element& value);

// No two fields have one name; few enough that looking at all pairs is the fastest way.
Result<void> check_object(const object& value) {
  std::array<std::string_view, kMaxFields> keys;
  std::size_t count = 0;
  for (const auto field : value) {
    if (count == kMaxFields) return malformed("an object has more than ", kMaxFields, " fields");
    const auto end = keys.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(keys.begin(), end, field.key) != end) {
      return malformed("field \"", field.key, "\" occurs twice");
    }
    keys[count++] = field.key;
    TRY(check_element(field.value));
  }
  return {};
}

Result<void> check_element(const Element& value) {
  object fields;
  if (value.get(fields) == simdjson::SUCCESS) return check_object(fields);
  array elements;
  if (value.get(elements) != simdjson::SUCCESS) return {};
  for (const Element element : elements) TRY(check_element(element));
  return {};
}

}  // namespace

Result<Document> Document::parse(std::string_view text) {
  simdjson::dom::parser parser(simdjson::SIMDJSON_MAXSIZE_BYTES);
  auto values = std::make_unique<simdjson::dom::document>();
  simdjson::error_code error = parser.allocate(text.size(), kMaxDepth);
  const simdjson::padded_string padded(text);
  if (error == simdjson::SUCCESS) error = parser.parse_into_document(*values, padded).error();
  if (error == simdjson::DEPTH_ERROR) return malformed("more than 32 levels");
  if (error != simdjson::SUCCESS) {
    return malformed("not JSON: ", simdjson::error_message(error));
  }
  TRY(check_element(values->root()));
  return Document(std::move(values));
}

Result<FieldReader> FieldReader::open(Element value, std::string what) {
  object fields;
  if (value.get(fields) != simdjson::SUCCESS) return malformed(what, " is not a JSON object");
  return FieldReader(fields, std::move(what));
}

std::optional<Element> FieldReader::find(std::string_view field) const {
  Element value;
  if (object_.at_key(field).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

Result<Element> FieldReader::take(std::string_view field) const {
  const auto value = find(field);
  if (!value) return malformed(what_, ": field \"", field, "\" is missing");
  return *value;
}

Error FieldReader::wrong_type(std::string_view field, std::string_view wanted) const {
  return malformed(what_, ": field \"", field, "\" is not ", wanted);
}

Result<std::string_view> FieldReader::take_string(std::string_view field) const {
  const Element value = TRY(take(field));
  std::string_view out;
  if (value.get(out) != simdjson::SUCCESS) return wrong_type(field, "a string");
  return out;
}

Result<std::uint64_t> FieldReader::take_unsigned(std::string_view field) const {
  const Element value = TRY(take(field));
  std::uint64_t out = 0;
  if (value.get(out) != simdjson::SUCCESS) return wrong_type(field, "a whole number from 0");
  return out;
}

Result<Element> FieldReader::take_object(std::string_view field) const {
  const Element value = TRY(take(field));
  if (!value.is_object()) return wrong_type(field, "an object");
  return value;
}

Result<std::vector<Element>> FieldReader::take_array(std::string_view field) const {
  const Element value = TRY(take(field));
  array elements;
  if (value.get(elements) != simdjson::SUCCESS) return wrong_type(field, "an array");
  return std::vector<Element>(elements.begin(), elements.end());
}

Result<std::vector<std::string>> FieldReader::take_strings(std::string_view field) const {
  const auto elements = TRY(take_array(field));
  std::vector<std::string> out;
  for (const Element& element : elements) {
    std::string_view value;
    if (element.get(value) != simdjson::SUCCESS) return wrong_type(field, "an array of strings");
    out.emplace_back(value);
  }
  return out;
}

Result<std::optional<std::string_view>> FieldReader::find_string(std::string_view field) const {
  if (!has(field)) return std::optional<std::string_view>();
  return std::optional(TRY(take_string(field)));
}

}  // namespace torchkeep::json
