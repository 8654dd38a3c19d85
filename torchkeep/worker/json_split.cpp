#include "torchkeep/worker/json_split.h"

#include "torchkeep/base/text.h"

namespace torchkeep::worker {
namespace {

constexpr int kMaxDepth = 32;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Where in a request a value stands, as far as it matters.
enum class Place { Root, Inputs, Input, Data, Elsewhere };

Place place_of_member(Place object, std::string_view key) {
  if (object == Place::Root && key == "inputs") return Place::Inputs;
  if (object == Place::Input && key == "data") return Place::Data;
  return Place::Elsewhere;
}

class Splitter {
 public:
  explicit Splitter(std::string_view document) : left_(document) {}

  Result<SplitJson> split() && {
    TRY(value(Place::Root, 0));
    skip_space();
    if (!left_.empty()) return malformed("something follows the JSON document");
    return std::move(out_);
  }

 private:
  Result<void> value(Place place, int depth) {
    skip_space();
    if (place == Place::Data) return data();
    if (next() == '{') return object(place, depth + 1);
    if (next() == '[') return array(place, depth + 1);
    if (next() == '"') {
      out_.skeleton += TRY(string());
      return {};
    }
    while (!left_.empty() && !is_space(next()) &&
           std::string_view(",:]}[{\"").find(next()) == std::string_view::npos)
      copy();
    return {};
  }

  Result<void> object(Place place, int depth) {
    if (depth > kMaxDepth) return malformed("more than 32 levels");
    copy();
    for (;;) {
      skip_space();
      if (next() == '}') break;
      if (next() != '"') return malformed("a field's name is expected");
      const std::string_view quoted = TRY(string());
      out_.skeleton += quoted;
      skip_space();
      if (next() != ':') return malformed("\":\" is expected behind a field's name");
      copy();
      TRY(value(place_of_member(place, quoted.substr(1, quoted.size() - 2)), depth));
      skip_space();
      if (next() == '}') break;
      if (next() != ',') return malformed("an object does not close");
      copy();
    }
    copy();
    return {};
  }

  Result<void> array(Place place, int depth) {
    if (depth > kMaxDepth) return malformed("more than 32 levels");
    copy();
    for (;;) {
      skip_space();
      if (next() == ']') break;
      TRY(value(place == Place::Inputs ? Place::Input : Place::Elsewhere, depth));
      skip_space();
      if (next() == ']') break;
      if (next() != ',') return malformed("an array does not close");
      copy();
    }
    copy();
    return {};
  }

  Result<void> data() {
    if (next() != '[') return malformed("field \"data\" is not an array");
    int depth = 0;
    std::size_t size = 0;
    for (; size < left_.size(); ++size) {
      const char c = left_[size];
      if (c == '"') return malformed("field \"data\" holds a string");
      if (c == '[' && ++depth > kMaxDepth) return malformed("more than 32 levels");
      if (c == ']' && --depth == 0) break;
    }
    if (size == left_.size()) return malformed("field \"data\" does not close");
    out_.skeleton += std::to_string(out_.data.size());
    out_.data.push_back(left_.substr(0, size + 1));
    left_.remove_prefix(size + 1);
    return {};
  }

  /// With its quotes and escapes as they stand.
  Result<std::string_view> string() {
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (left_[i] == '\\') {
        ++i;
      } else if (left_[i] == '"') {
        const std::string_view quoted = left_.substr(0, i + 1);
        left_.remove_prefix(i + 1);
        return quoted;
      }
    }
    return malformed("a string does not close");
  }

  char next() const { return left_.empty() ? '\0' : left_.front(); }
  void copy() {
    out_.skeleton += left_.front();
    left_.remove_prefix(1);
  }
  void skip_space() {
    while (is_space(next())) left_.remove_prefix(1);
  }

  std::string_view left_;
  SplitJson out_;
};

}  // namespace

Result<SplitJson> split_json(std::string_view document) { return Splitter(document).split(); }

}  // namespace torchkeep::worker
