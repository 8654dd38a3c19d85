#include "torchkeep/base/bytes.h"
#include "torchkeep/base/check.h"
#include "torchkeep/json/document.h"
#include "torchkeep/json/json.h"

// Two readers of the same strict JSON: what one takes the other takes too, and finds the same in
// it.
namespace {

using namespace torchkeep;

void compare(json::Element found, const json::Json& wanted);

void compare_object(simdjson::dom::object found, const json::Json& wanted) {
  TORCHKEEP_CHECK(wanted.is_object() && found.size() == wanted.size());
  for (const auto field : found) {
    const auto other = wanted.find(std::string(field.key));
    TORCHKEEP_CHECK(other != wanted.end());
    compare(field.value, *other);
  }
}

void compare_array(simdjson::dom::array found, const json::Json& wanted) {
  TORCHKEEP_CHECK(wanted.is_array() && found.size() == wanted.size());
  std::size_t i = 0;
  for (const json::Element each : found) compare(each, wanted[i++]);
}

void compare(json::Element found, const json::Json& wanted) {
  switch (found.type()) {
    case simdjson::dom::element_type::OBJECT:
      return compare_object(found.get_object().value_unsafe(), wanted);
    case simdjson::dom::element_type::ARRAY:
      return compare_array(found.get_array().value_unsafe(), wanted);
    case simdjson::dom::element_type::STRING:
      TORCHKEEP_CHECK(wanted.is_string() &&
                      found.get_string().value_unsafe() == wanted.get_ref<const std::string&>());
      return;
    case simdjson::dom::element_type::BOOL:
      TORCHKEEP_CHECK(wanted.is_boolean() && found.get_bool().value_unsafe() == wanted.get<bool>());
      return;
    case simdjson::dom::element_type::NULL_VALUE: TORCHKEEP_CHECK(wanted.is_null()); return;
    case simdjson::dom::element_type::INT64:
      TORCHKEEP_CHECK(wanted.is_number_integer() &&
                      found.get_int64().value_unsafe() == wanted.get<std::int64_t>());
      return;
    case simdjson::dom::element_type::UINT64:
      TORCHKEEP_CHECK(wanted.is_number_unsigned() &&
                      found.get_uint64().value_unsafe() == wanted.get<std::uint64_t>());
      return;
    case simdjson::dom::element_type::DOUBLE:
      TORCHKEEP_CHECK(wanted.is_number_float() &&
                      found.get_double().value_unsafe() == wanted.get<double>());
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const std::string_view text = as_text(ByteView(data, size));
  const auto document = json::Document::parse(text);
  if (!document) return 0;
  const auto tree = json::parse(text);
  TORCHKEEP_CHECK(tree.ok());
  compare(document->root(), *tree);
  return 0;
}
