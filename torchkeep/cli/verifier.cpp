#include "torchkeep/cli/verifier.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;

Path file_of(const Path& owner_folder) { return owner_folder / "verifier.json"; }

}  // namespace

Result<void> store_verifier(const Path& owner_folder, const Verifier& verifier) {
  json::Json roots = json::Json::array();
  for (const attest::RootKey& root : verifier.roots) roots.push_back(encode_hex(root));
  const json::Json value = {{"pccs", verifier.pccs.text()}, {"roots", std::move(roots)}};
  return store_file(file_of(owner_folder), as_bytes(json::encode_canonical(value)), 0600);
}

Result<Verifier> load_verifier(const Path& owner_folder, const std::string& pccs) {
  const std::string where = file_of(owner_folder).string();
  auto bytes = load_file(file_of(owner_folder), kMaxBytes);
  if (!bytes && bytes.error().code == ErrorCode::NotFound) {
    return not_found("no owner is set up in ", owner_folder.string(),
                     ": torchkeep owner init --keyserver HOST:PORT");
  }
  if (!bytes) return std::move(bytes).error();
  const json::Json value = TRY(json::parse(as_text(*bytes)).context(where));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, where));
  const std::string endpoint = TRY(reader.take_string("pccs"));
  const std::vector<std::string> roots = TRY(reader.take_strings("roots"));
  TRY(reader.finish());
  Verifier verifier;
  verifier.pccs = TRY(channel::parse_endpoint(pccs.empty() ? endpoint : pccs).context("--pccs"));
  for (const std::string& root : roots) {
    verifier.roots.push_back(TRY(decode_hex_array<64>(root).context(where)));
  }
  if (verifier.roots.empty()) return malformed(where, " lists no root of trust");
  return verifier;
}

}  // namespace torchkeep::cli
