#include "torchkeep/keys/genesis.h"

#include <algorithm>

#include "torchkeep/keys/internal/fields.h"
#include "torchkeep/keys/internal/hash.h"

namespace torchkeep::keys {
namespace {

constexpr std::string_view kLabel = "torchkeep/genesis/v1";
constexpr std::size_t kMaxRoots = 16;
constexpr std::size_t kContextBytes = 64;

Result<std::vector<Digest256>> parse_roots(const json::Json& value) {
  if (value.empty() || value.size() > kMaxRoots) {
    return malformed("genesis: field \"roots\" has ", value.size(), " entries, allowed are 1 to ",
                     kMaxRoots);
  }
  std::vector<Digest256> roots;
  for (const json::Json& element : value) {
    const auto root = element.is_string()
                          ? decode_hex_array<32>(element.get_ref<const std::string&>())
                          : malformed("no text");
    if (!root || encode_hex(*root) != element.get_ref<const std::string&>()) {
      return malformed("genesis: a root is not 64 lower-case hex digits");
    }
    if (std::find(roots.begin(), roots.end(), *root) != roots.end()) {
      return malformed("genesis: root ", encode_hex(*root), " is listed twice");
    }
    roots.push_back(*root);
  }
  return roots;
}

}  // namespace

json::Json encode(const GenesisDocument& document) {
  json::Json roots = json::Json::array();
  for (const Digest256& root : document.roots) roots.push_back(encode_hex(root));
  return {{"format", 1u},
          {"log_key", encode_hex(document.log_key)},
          {"random", encode_hex(document.random)},
          {"roots", std::move(roots)},
          {"simulated", document.simulated}};
}

Result<GenesisDocument> parse_genesis(const json::Json& value) {
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "genesis"));
  TRY(internal::take_format(reader));
  GenesisDocument document;
  document.log_key = TRY(internal::take_hex<32>(reader, "log_key"));
  document.random = TRY(internal::take_hex<32>(reader, "random"));
  document.roots = TRY(parse_roots(*TRY(reader.take_array("roots"))));
  document.simulated = TRY(reader.take_bool("simulated"));
  TRY(reader.finish());
  return document;
}

Genesis genesis_of(const GenesisDocument& document) {
  const std::string canonical = json::encode_canonical(encode(document));
  return {internal::sha256_of({as_bytes(kLabel), as_bytes(canonical)})};
}

Bytes encode_keyserver_context(const Genesis& genesis, const Digest256& configuration) {
  Bytes context = to_bytes(genesis.bytes);
  append(context, configuration);
  return context;
}

Result<Genesis> parse_keyserver_context(ByteView context) {
  if (context.size() != kContextBytes) {
    return malformed("a key server's context has ", context.size(), " bytes, it must have ",
                     kContextBytes);
  }
  return Genesis{TRY(to_array<32>(context.first(32)))};
}

}  // namespace torchkeep::keys
