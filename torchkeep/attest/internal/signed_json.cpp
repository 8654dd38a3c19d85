#include "torchkeep/attest/internal/signed_json.h"

#include <algorithm>

namespace torchkeep::attest {
namespace {

constexpr std::size_t kMaxDocumentBytes = 1024 * 1024;  // real ones have up to 30 KiB
constexpr std::string_view kBlank = " \t\r\n";

/// Walks over JSON that is known to be well-formed, so that no step here can fail.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) {}

  char next() {
    at_ = std::min(json_.find_first_not_of(kBlank, at_), json_.size());
    return at_ < json_.size() ? json_[at_] : '\0';
  }
  void skip() { ++at_; }
  std::string_view take_string() {
    const std::size_t start = at_;
    for (++at_; at_ < json_.size() && json_[at_] != '"'; ++at_) {
      if (json_[at_] == '\\') ++at_;
    }
    ++at_;
    return taken_since(start);
  }
  std::string_view take_value() {
    const std::size_t start = at_;
    std::size_t depth = 0;
    while (at_ < json_.size()) {
      const char c = json_[at_];
      if (c == '"') {
        take_string();
      } else if (c == '{' || c == '[') {
        ++depth, ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;  // of a bare number, at the end of what holds it
        --depth, ++at_;
      } else if (depth == 0) {
        at_ = std::min(json_.find_first_of(",}] \t\r\n", at_), json_.size());
      } else {
        ++at_;
      }
      if (depth == 0) break;
    }
    return taken_since(start);
  }

 private:
  std::string_view taken_since(std::size_t start) const {
    return json_.substr(start, std::min(at_, json_.size()) - start);
  }
  std::string_view json_;
  std::size_t at_ = 0;
};

std::string_view find_member(std::string_view object, std::string_view name) {
  const std::string quoted = text('"', name, '"');
  Scanner scanner(object);
  if (scanner.next() != '{') return {};
  scanner.skip();
  while (scanner.next() == '"') {
    const std::string_view key = scanner.take_string();
    if (scanner.next() != ':') return {};
    scanner.skip();
    scanner.next();
    const std::string_view value = scanner.take_value();
    if (key == quoted) return value;
    if (scanner.next() == ',') scanner.skip();
  }
  return {};
}

}  // namespace

Result<SignedJson> parse_signed_json(ByteView document, std::string_view name) {
  if (document.empty()) return malformed("the document is missing");
  if (document.size() > kMaxDocumentBytes) {
    return malformed("the document has ", document.size(), " bytes, at most ", kMaxDocumentBytes,
                     " are allowed");
  }
  json::Document parsed = TRY(json::Document::parse(as_text(document)));
  const auto reader = TRY(json::FieldReader::open(parsed.root(), "document"));
  const json::Element content = TRY(reader.take_object(name));
  const auto signature = TRY(take_hex<64>(reader, "signature"));
  if (reader.size() != 2) {
    return malformed("document: found ", reader.size(), " fields, wanted \"", name,
                     "\" and \"signature\" alone");
  }
  const std::string_view inner = find_member(as_text(document), name);
  if (inner.empty()) return malformed("field \"", name, "\" is spelt with escapes");
  // No key stands there twice, whatever its spelling, so `content` is what those bytes say.
  return SignedJson{.signed_bytes = to_bytes(as_bytes(inner)),
                    .signature = signature,
                    .content = content,
                    .document = std::move(parsed)};
}

Result<TimePoint> take_time(const json::FieldReader& reader, std::string_view field) {
  const std::string_view spelt = TRY(reader.take_string(field));
  return parse_rfc3339(spelt).context(text(reader.what(), ".", field));
}

Result<std::vector<std::string>> find_strings(const json::FieldReader& reader,
                                              std::string_view field) {
  if (!reader.has(field)) return std::vector<std::string>();
  return reader.take_strings(field);
}

}  // namespace torchkeep::attest
