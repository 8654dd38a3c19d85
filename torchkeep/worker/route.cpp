#include "torchkeep/worker/route.h"

#include <charconv>
#include <vector>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::worker {
namespace {

using Words = std::vector<std::string>;

/// Percent-encoding undone (RFC 3986, section 2.1).
Result<std::string> decode(std::string_view word) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      out += word[i];
      continue;
    }
    const auto byte = decode_hex_array<1>(word.substr(i + 1, 2));
    if (!byte) return malformed("the path holds a \"%\" without two hex digits behind it");
    out += static_cast<char>((*byte)[0]);
    i += 2;
  }
  return out;
}

Result<Words> split(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  if (path.empty() || path.front() != '/') return malformed("the path does not begin with \"/\"");
  Words words;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view word = path.substr(0, path.find('/'));
    words.push_back(TRY(decode(word)));
    path.remove_prefix(word.size());
  }
  return words;
}

Result<std::uint64_t> parse_version(const std::string& word) {
  std::uint64_t version = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), version);
  if (failure != std::errc() || end != word.data() + word.size() || word.front() == '0') {
    return not_found("a version is a number from 1");
  }
  return version;
}

/// Behind /v2/models/NAME.
Result<Route> model_route(std::string model, Words rest) {
  Route route{Call::ModelMetadata, "GET", std::move(model), std::nullopt, std::nullopt};
  if (rest.size() >= 2 && rest[0] == "versions") {
    route.version = TRY(parse_version(rest[1]));
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  if (rest.empty()) return route;
  if (rest == Words{"ready"}) {
    route.call = Call::ModelReady;
    return route;
  }
  if (rest.size() == 3 && rest[0] == "operators") {
    route.operator_name = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
    if (rest != Words{"infer"}) return not_found("no such call of an operator: there is /infer");
  }
  if (rest == Words{"infer"}) {
    route.call = Call::Infer;
    route.method = "POST";
    return route;
  }
  return not_found("no such call of a model: there are /ready and /infer");
}

}  // namespace

Result<Route> parse_route(std::string_view target) {
  const Words words = TRY(split(target));
  const auto plain = [](Call call, std::string_view method) {
    return Route{call, method, {}, {}, {}};
  };
  if (words == Words{"health"}) return plain(Call::Health, "GET");
  if (words == Words{"v2"}) return plain(Call::ServerMetadata, "GET");
  if (words == Words{"v2", "health", "live"}) return plain(Call::ServerLive, "GET");
  if (words == Words{"v2", "health", "ready"}) return plain(Call::ServerReady, "GET");
  if (words == Words{"v2", "repository", "index"}) return plain(Call::RepositoryIndex, "POST");
  if (words.size() == 5 && words[0] == "v2" && words[1] == "repository" && words[2] == "models" &&
      (words[4] == "load" || words[4] == "unload")) {
    return Route{Call::RepositoryChange, "POST", words[3], {}, {}};
  }
  if (words.size() >= 3 && words[0] == "v2" && words[1] == "models") {
    return model_route(words[2], Words(words.begin() + 3, words.end()));
  }
  return not_found("no such path here");
}

}  // namespace torchkeep::worker
