#include "torchkeep/json/json.h"

#include <algorithm>
#include <set>

namespace torchkeep::json {
namespace {

constexpr std::size_t kMaxDepth = 32;

/// Builds the tree, but refuses what the library would let pass: repeated keys and deep nesting.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(Json& tree) : tree_(tree) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const auto [place, is_new] =
        open_.back()->get_ref<Json::object_t&>().emplace(std::move(name), nullptr);
    if (!is_new) return refuse("field \"" + place->first + "\" occurs twice");
    member_ = &place->second;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return refuse("no JSON at byte " + std::to_string(position));
  }

  const std::string& refusal() const { return refusal_; }

 private:
  // Only the innermost open value grows, so that pointers to those around it stay good.
  Json* place(Json value) {
    if (open_.empty()) return &(tree_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_object()) return &(*member_ = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }
  bool put(Json value) { return place(std::move(value)) != nullptr; }
  bool open(Json empty) {
    if (open_.size() == kMaxDepth) return refuse("more than 32 levels");
    open_.push_back(place(std::move(empty)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  Json& tree_;
  std::vector<Json*> open_;  // outermost first
  Json* member_ = nullptr;   // the value of the key read last
  std::string refusal_;
};

bool holds_float(const Json& value) {
  if (value.is_number_float()) return true;
  if (!value.is_structured()) return false;
  for (const Json& element : value) {
    if (holds_float(element)) return true;
  }
  return false;
}

}  // namespace

Result<Json> parse(std::string_view text) {
  // The library takes a zero byte for the end, and whatever stands behind it for nothing.
  if (text.find('\0') != text.npos) return malformed("not JSON: it holds a zero byte");
  Json root;
  StrictBuilder builder(root);
  if (!Json::sax_parse(text, &builder)) {
    return malformed(builder.refusal().empty() ? "not JSON" : builder.refusal());
  }
  return root;
}

std::string encode_canonical(const Json& value) {
  TORCHKEEP_CHECK(!holds_float(value));
  return value.dump();
}

Result<Json> parse_canonical(std::string_view text) {
  Json value = TRY(parse(text));
  if (holds_float(value)) return malformed("canonical JSON has integers only");
  if (value.dump() != text) {
    return malformed("not in canonical form: keys sorted, no white space, shortest escapes");
  }
  return value;
}

Result<ObjectReader> ObjectReader::open(const Json& value, std::string what) {
  if (!value.is_object()) return malformed(what, " is not a JSON object");
  return ObjectReader(value, std::move(what));
}

bool ObjectReader::has(std::string_view field) const { return value_->contains(field); }

Error ObjectReader::wrong_type(std::string_view field, std::string_view wanted) const {
  return malformed(what_, ": field \"", field, "\" is not ", wanted);
}

const Json* ObjectReader::find_any(std::string_view field) {
  const auto found = value_->find(field);
  if (found == value_->end()) return nullptr;
  taken_.push_back(found.key());
  return &*found;
}

Result<const Json*> ObjectReader::take_any(std::string_view field) {
  const Json* found = find_any(field);
  if (found == nullptr) return malformed(what_, ": field \"", field, "\" is missing");
  return found;
}

Result<std::string> ObjectReader::take_string(std::string_view field) {
  const Json* found = TRY(take_any(field));
  if (!found->is_string()) return wrong_type(field, "a string");
  return found->get<std::string>();
}

Result<std::uint64_t> ObjectReader::take_unsigned(std::string_view field) {
  const Json* found = TRY(take_any(field));
  if (!found->is_number_unsigned()) return wrong_type(field, "a whole number from 0");
  return found->get<std::uint64_t>();
}

Result<bool> ObjectReader::take_bool(std::string_view field) {
  const Json* found = TRY(take_any(field));
  if (!found->is_boolean()) return wrong_type(field, "true or false");
  return found->get<bool>();
}

Result<const Json*> ObjectReader::take_object(std::string_view field) {
  const Json* found = TRY(take_any(field));
  if (!found->is_object()) return wrong_type(field, "an object");
  return found;
}

Result<const Json*> ObjectReader::take_array(std::string_view field) {
  const Json* found = TRY(take_any(field));
  if (!found->is_array()) return wrong_type(field, "an array");
  return found;
}

Result<std::vector<std::string>> ObjectReader::take_strings(std::string_view field) {
  const Json* found = TRY(take_array(field));
  std::vector<std::string> out;
  for (const Json& element : *found) {
    if (!element.is_string()) return wrong_type(field, "an array of strings");
    out.push_back(element.get<std::string>());
  }
  return out;
}

Result<std::optional<std::string>> ObjectReader::find_string(std::string_view field) {
  if (!has(field)) return std::optional<std::string>();
  return std::optional(TRY(take_string(field)));
}

Result<std::optional<std::uint64_t>> ObjectReader::find_unsigned(std::string_view field) {
  if (!has(field)) return std::optional<std::uint64_t>();
  return std::optional(TRY(take_unsigned(field)));
}

Result<std::optional<bool>> ObjectReader::find_bool(std::string_view field) {
  if (!has(field)) return std::optional<bool>();
  return std::optional(TRY(take_bool(field)));
}

Result<void> ObjectReader::finish() const {
  for (const auto& [name, value] : value_->items()) {
    if (std::find(taken_.begin(), taken_.end(), name) != taken_.end()) continue;
    const std::set<std::string_view> known_fields(taken_.begin(), taken_.end());
    std::string known;
    for (const std::string_view field : known_fields) {
      known.append(known.empty() ? "" : ", ").append(field);
    }
    return malformed(what_, ": unknown field \"", name, "\"; known here: ", known);
  }
  return {};
}

}  // namespace torchkeep::json
