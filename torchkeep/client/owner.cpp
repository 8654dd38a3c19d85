#include "torchkeep/client/owner.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace torchkeep::client {
namespace {

namespace filesystem = std::filesystem;

constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kMaxPinBytes = 4096;

Path key_path(const Path& folder) { return folder / "owner.key"; }
Path recovery_path(const Path& folder) { return folder / "recovery.key"; }
Path pin_path(const Path& folder) { return folder / "key-server.json"; }
Path models_path(const Path& folder) { return folder / "models"; }

/// A folder that was there already keeps its mode: it may hold other things. The keys have their
/// own.
Result<void> make_folder(const Path& folder) {
  std::error_code failure;
  const bool made = filesystem::create_directories(folder, failure);
  if (made) filesystem::permissions(folder, filesystem::perms::owner_all, failure);
  if (failure) return unavailable("cannot make ", folder.string(), ": ", failure.message());
  return {};
}

Result<SecretBytes> load_key(const Path& path) {
  SecretBytes bytes = TRY(load_secret_file(path, kSeedBytes));
  std::error_code failure;
  const auto mode = filesystem::status(path, failure).permissions();
  if (failure) return unavailable(path.string(), ": ", failure.message());
  const auto others = filesystem::perms::group_all | filesystem::perms::others_all;
  if ((mode & others) != filesystem::perms::none) {
    return untrusted(path.string(),
                     " is open to other users: chmod 600 it, and make a new owner if "
                     "somebody else may have read it");
  }
  if (bytes.size() != kSeedBytes) {
    return malformed(path.string(), " has ", bytes.size(), " bytes, a key has ", kSeedBytes);
  }
  return bytes;
}

Result<crypto::HpkePrivateKey> load_recovery_key(const Path& folder) {
  SecretBytes bytes = TRY(load_key(recovery_path(folder)));
  return crypto::HpkePrivateKey::from_bytes(std::move(bytes)).context("recovery.key");
}

/// One that is there already is kept: an earlier `create_owner` was cut off behind it, or recovery
/// files may still need it.
Result<crypto::HpkePrivateKey> make_recovery_key(const Path& folder, crypto::Random& random) {
  auto found = load_recovery_key(folder);
  if (found || found.error().code != ErrorCode::NotFound) return found;
  auto made = crypto::HpkePrivateKey::generate(random);
  TRY(store_file(recovery_path(folder), made.expose(), 0600));
  return made;
}

Result<KeyServerPin> parse_pin(std::string_view text) {
  const json::Json value = TRY(json::parse(text));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "key server"));
  KeyServerPin pin;
  const std::string endpoint = TRY(reader.take_string("endpoint"));
  pin.endpoint = TRY(channel::parse_endpoint(endpoint));
  const std::string genesis = TRY(reader.take_string("genesis"));
  pin.genesis = TRY(Genesis::parse(genesis));
  TRY(reader.finish());
  return pin;
}

}  // namespace

Result<void> Owner::pin_key_server(const KeyServerPin& pin) {
  if (key_server_ && key_server_->genesis != pin.genesis) {
    return denied("this owner's statements are for the key server with genesis ",
                  key_server_->genesis.hex(), ", not ", pin.genesis.hex(),
                  "; for another key server use another owner folder");
  }
  const json::Json value = {{"endpoint", pin.endpoint.text()}, {"genesis", pin.genesis.hex()}};
  TRY(store_file(pin_path(folder_), as_bytes(json::encode_canonical(value)), 0600));
  key_server_ = pin;
  return {};
}

Result<StatementBook> Owner::open_book(std::string_view model) const {
  TRY(keys::check_model_name(model));  // Before it becomes part of a path.
  if (!key_server_) {
    return invalid_argument(
        "no key server is pinned yet: torchkeep owner init --keyserver HOST:PORT");
  }
  TRY(make_folder(models_path(folder_)));
  return StatementBook::open(models_path(folder_) / text(model, ".json"), key_,
                             key_server_->genesis, std::string(model));
}

Result<std::vector<std::string>> Owner::models() const {
  std::vector<std::string> names;
  std::error_code failure;
  filesystem::directory_iterator files(models_path(folder_), failure);
  if (failure == std::errc::no_such_file_or_directory) return names;
  for (; !failure && files != filesystem::directory_iterator(); files.increment(failure)) {
    const Path& path = files->path();
    if (path.extension() == ".json" && keys::check_model_name(path.stem().string())) {
      names.push_back(path.stem().string());
    }
  }
  if (failure) return unavailable(models_path(folder_).string(), ": ", failure.message());
  std::sort(names.begin(), names.end());
  return names;
}

Result<Path> default_owner_folder() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return invalid_argument("HOME is not set: name the owner's folder");
  }
  return Path(home) / ".torchkeep";
}

Result<Owner> create_owner(const Path& folder, crypto::Random& random) {
  std::error_code failure;
  if (filesystem::exists(key_path(folder), failure)) {
    return invalid_argument(key_path(folder).string(),
                            " is there already, and keys are never replaced");
  }
  if (failure) return unavailable(key_path(folder).string(), ": ", failure.message());
  TRY(make_folder(folder));
  auto key = crypto::Ed25519PrivateKey::generate(random);
  auto recovery_key = TRY(make_recovery_key(folder, random));
  // The signing key comes last: a folder that has it is complete.
  TRY(store_file(key_path(folder), key.expose_seed(), 0600));
  return Owner(folder, std::move(key), std::move(recovery_key));
}

Result<Owner> load_owner(const Path& folder) {
  auto seed = load_key(key_path(folder));
  if (!seed && seed.error().code == ErrorCode::NotFound) {
    return not_found("no owner in ", folder.string(), ": make one with torchkeep owner init");
  }
  if (!seed) return std::move(seed).error();
  auto key =
      TRY(crypto::Ed25519PrivateKey::from_seed(std::move(seed).value()).context("owner.key"));
  auto recovery_key = TRY(load_recovery_key(folder).context("the owner's recovery key"));
  Owner owner(folder, std::move(key), std::move(recovery_key));

  auto pin = load_file(pin_path(folder), kMaxPinBytes);
  if (!pin && pin.error().code == ErrorCode::NotFound) return owner;
  if (!pin) return std::move(pin).error();
  owner.key_server_ = TRY(parse_pin(as_text(*pin)).context(pin_path(folder).string()));
  return owner;
}

}  // namespace torchkeep::client
