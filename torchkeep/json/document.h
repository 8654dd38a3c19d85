#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "torchkeep/base/text.h"

/// Strict JSON of others that is read once and not kept: its values stay where they were read,
/// which takes a tenth of the time of a tree (json.h). The same spellings are refused.
namespace torchkeep::json {

using Element = simdjson::dom::element;  // points into its Document

class Document {
 public:
  /// Reads one JSON document: UTF-8, at most 32 levels, no repeated key, nothing behind it, at most
  /// 100 fields an object. Errors: Malformed.
  static Result<Document> parse(std::string_view text);

  Element root() const { return values_->root(); }

 private:
  explicit Document(std::unique_ptr<simdjson::dom::document> values) : values_(std::move(values)) {}
  std::unique_ptr<simdjson::dom::document> values_;
};

/// Takes fields of one object of a document. Errors of every take: Malformed, naming `what` and the
/// field. The Document must outlive it, and what it returns.
class FieldReader {
 public:
  /// `what` names the object in errors: "tcbInfo.tcbLevels[0]".
  static Result<FieldReader> open(Element value, std::string what);

  bool has(std::string_view field) const { return find(field).has_value(); }
  std::size_t size() const { return object_.size(); }
  Result<std::string_view> take_string(std::string_view field) const;
  Result<std::uint64_t> take_unsigned(std::string_view field) const;
  Result<Element> take_object(std::string_view field) const;
  Result<std::vector<Element>> take_array(std::string_view field) const;
  /// An array of strings.
  Result<std::vector<std::string>> take_strings(std::string_view field) const;
  /// Absent: nullopt. A field that is there must be a string.
  Result<std::optional<std::string_view>> find_string(std::string_view field) const;

  const std::string& what() const { return what_; }

 private:
  FieldReader(simdjson::dom::object object, std::string what)
      : object_(object), what_(std::move(what)) {}
  std::optional<Element> find(std::string_view field) const;
  Result<Element> take(std::string_view field) const;
  Error wrong_type(std::string_view field, std::string_view wanted) const;
  simdjson::dom::object object_;
  std::string what_;
};

}  // namespace torchkeep::json
