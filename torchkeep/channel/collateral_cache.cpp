#include "torchkeep/channel/collateral_cache.h"

#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/collateral_folder.h"
#include "torchkeep/channel/internal/collateral_fields.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/json/json.h"

// file    = canonical JSON {"ca", "documents", "fetched", "fmspc", "format": 1, "sha256", "tee"}
// sha256  = hex of SHA-256 over the same object without "sha256"
// name    = TEE "-" FMSPC "-" CA ".collateral"
namespace torchkeep::channel {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::string_view kSuffix = ".collateral";
constexpr std::size_t kMaxFileBytes = 12 * kMaxCollateralBytes;
constexpr std::size_t kMostFiles = 64;

Result<attest::TeeType> parse_tee(std::string_view name) {
  for (const attest::TeeType tee : {attest::TeeType::Sgx, attest::TeeType::Tdx}) {
    if (name == attest::name_of(tee)) return tee;
  }
  return malformed("\"", name, "\" is no TEE that has collateral");
}

Result<attest::CollateralKey> make_key(std::string_view tee, std::string_view fmspc,
                                       std::string_view ca) {
  attest::CollateralKey key;
  key.tee = TRY(parse_tee(tee));
  key.fmspc = TRY(decode_hex_array<6>(fmspc));
  if (ca != "platform" && ca != "processor") return malformed("\"", ca, "\" names no PCK CA");
  key.ca = ca;
  return key;
}

std::string name_of_file(const attest::CollateralKey& key) {
  return text(attest::name_of(key.tee), "-", encode_hex(key.fmspc), "-", key.ca, kSuffix);
}

std::optional<attest::CollateralKey> find_key(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  const std::size_t first = name.find('-');
  const std::size_t last = name.rfind('-');
  if (first == last) return std::nullopt;  // one or none
  auto key = make_key(name.substr(0, first), name.substr(first + 1, last - first - 1),
                      name.substr(last + 1));
  if (!key) return std::nullopt;
  return std::move(key).value();
}

std::string digest_of(const json::Json& value) {
  return encode_hex(crypto::sha256(as_bytes(json::encode_canonical(value))));
}

Result<attest::Collateral> decode_documents(const json::Json& value) {
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "documents"));
  attest::Collateral out;
  for (const CollateralField& field : collateral_fields()) {
    const auto text = TRY(reader.find_string(field.name));
    if (text) out.*field.bytes = TRY(decode_base64(*text).context(field.name));
  }
  TRY(reader.finish());
  return out;
}

/// The files of a folder, oldest first.
Result<std::vector<std::pair<std::filesystem::file_time_type, Path>>> files_of(const Path& folder) {
  std::vector<std::pair<std::filesystem::file_time_type, Path>> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (!find_key(at->path().filename().string())) continue;
    std::error_code gone;  // somebody may be faster
    const auto time = at->last_write_time(gone);
    if (!gone) out.emplace_back(time, at->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return unavailable("reading ", folder.string(), ": ", error.message());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::string encode(const CachedCollateral& cached) {
  json::Json documents = json::Json::object();
  for (const CollateralField& field : collateral_fields()) {
    const Bytes& bytes = cached.collateral.*field.bytes;
    if (!bytes.empty()) documents[std::string(field.name)] = encode_base64(bytes);
  }
  json::Json value = {{"ca", cached.key.ca},
                      {"documents", std::move(documents)},
                      {"fetched", format_rfc3339(cached.fetched)},
                      {"fmspc", encode_hex(cached.key.fmspc)},
                      {"format", kFormat},
                      {"tee", attest::name_of(cached.key.tee)}};
  value["sha256"] = digest_of(value);
  return json::encode_canonical(value);
}

Result<CachedCollateral> decode_cached_collateral(std::string_view file) {
  json::Json value = TRY(json::parse_canonical(file));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "collateral file"));
  const std::uint64_t format = TRY(reader.take_unsigned("format"));
  if (format != kFormat) return malformed("found format ", format, ", wanted ", kFormat);
  const std::string digest = TRY(reader.take_string("sha256"));
  const std::string tee = TRY(reader.take_string("tee"));
  const std::string fmspc = TRY(reader.take_string("fmspc"));
  const std::string ca = TRY(reader.take_string("ca"));
  const std::string fetched = TRY(reader.take_string("fetched"));
  const json::Json* const documents = TRY(reader.take_object("documents"));
  TRY(reader.finish());
  CachedCollateral out;
  out.key = TRY(make_key(tee, fmspc, ca));
  out.fetched = TRY(parse_rfc3339(fetched));
  out.collateral = TRY(decode_documents(*documents));
  value.erase("sha256");
  if (digest_of(value) != digest) return malformed("its digest is of other bytes");
  return out;
}

Path CollateralCache::file_of(const attest::CollateralKey& key) const {
  return folder_ / name_of_file(key);
}

Result<std::optional<CachedCollateral>> CollateralCache::find(
    const attest::CollateralKey& key) const {
  const auto bytes = load_file(file_of(key), kMaxFileBytes);
  if (!bytes && bytes.error().code == ErrorCode::NotFound) {
    return std::optional<CachedCollateral>();
  }
  if (!bytes) return bytes.error();
  const std::string where = file_of(key).string();
  CachedCollateral cached = TRY(decode_cached_collateral(as_text(*bytes)).context(where));
  if (cached.key != key) return malformed(where, ": it holds another platform's documents");
  return std::optional(std::move(cached));
}

Result<void> CollateralCache::store(const CachedCollateral& cached) const {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return unavailable("making ", folder_.string(), ": ", error.message());
  TRY(store_file(file_of(cached.key), as_bytes(encode(cached))));
  const auto files = TRY(files_of(folder_));
  for (std::size_t i = 0; i + kMostFiles < files.size(); ++i) {
    std::filesystem::remove(files[i].second, error);  // one too many does no harm
  }
  return {};
}

void CollateralCache::remove(const attest::CollateralKey& key) const {
  std::error_code ignored;  // what cannot be removed is refused again next time
  std::filesystem::remove(file_of(key), ignored);
}

Result<std::vector<attest::CollateralKey>> CollateralCache::list() const {
  std::vector<attest::CollateralKey> out;
  for (const auto& [time, file] : TRY(files_of(folder_))) {
    out.push_back(*find_key(file.filename().string()));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace torchkeep::channel
