#include "torchkeep/desk/verifier.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"

namespace torchkeep::desk {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;

// Somebody waits at a terminal: a wrong address is to be told soon.
constexpr channel::PccsPatience kPatience{.total = std::chrono::milliseconds(2000)};

Path file_of(const Path& owner_folder) { return owner_folder / "verifier.json"; }

}  // namespace

Path collateral_folder(const Path& owner_folder) { return owner_folder / "collateral"; }

Result<std::unique_ptr<channel::PccsClient>> make_pccs_client(const Verifier& verifier) {
  const ByteView pin = verifier.pccs.tls ? ByteView(verifier.pccs_ca) : ByteView();
  return channel::PccsClient::create(verifier.pccs, pin, kPatience);
}

Result<void> store_verifier(const Path& owner_folder, const Verifier& verifier) {
  json::Json roots = json::Json::array();
  for (const attest::RootKey& root : verifier.roots) roots.push_back(encode_hex(root));
  json::Json value = {{"pccs", verifier.pccs.text()}, {"roots", std::move(roots)}};
  if (!verifier.pccs_ca.empty()) value["pccs_ca"] = to_string(verifier.pccs_ca);
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
  const std::optional<std::string> ca = TRY(reader.find_string("pccs_ca"));
  const std::vector<std::string> roots = TRY(reader.take_strings("roots"));
  TRY(reader.finish());
  Verifier verifier;
  verifier.pccs =
      TRY(channel::parse_pccs_address(pccs.empty() ? endpoint : pccs).context("--pccs"));
  if (ca) verifier.pccs_ca = to_bytes(as_bytes(*ca));
  verifier.collateral_cache = collateral_folder(owner_folder);
  for (const std::string& root : roots) {
    verifier.roots.push_back(TRY(decode_hex_array<64>(root).context(where)));
  }
  if (verifier.roots.empty()) return malformed(where, " lists no root of trust");
  TRY(make_pccs_client(verifier).context(where));
  return verifier;
}

}  // namespace torchkeep::desk
