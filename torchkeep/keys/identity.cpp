#include "torchkeep/keys/identity.h"

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/hkdf.h"
#include "torchkeep/keys/internal/hash.h"

namespace torchkeep::keys {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kModelLabel = "torchkeep/model/v1";
constexpr std::string_view kKeyIdLabel = "torchkeep/key-id/v1";

bool is_name_character(char character) {
  return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
         character == '-' || character == '_' || character == '.';
}

}  // namespace

std::string hex(const OwnerKey& owner) { return encode_hex(owner.bytes); }

Result<OwnerKey> parse_owner_key(std::string_view hex) {
  auto bytes = decode_hex_array<32>(hex);
  if (!bytes) return malformed("an owner's key is 64 hex digits: ", bytes.error().message);
  return OwnerKey{*bytes};
}

Result<void> check_model_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return invalid_argument("a model's name has 1 to ", kMaxNameBytes, " characters, this one has ",
                            name.size());
  }
  if (name.front() == '.') return invalid_argument("a model's name does not begin with '.'");
  for (std::size_t i = 0; i < name.size(); ++i) {
    // The character itself stays out of the message: it may be anything.
    if (!is_name_character(name[i])) {
      return invalid_argument("a model's name is made of a-z, 0-9, '-', '_' and '.'; character ",
                              i + 1, " is another");
    }
  }
  return {};
}

ModelId model_id(const OwnerKey& owner, std::string_view name) {
  return {internal::sha256_of({as_bytes(kModelLabel), owner.bytes, as_bytes(name)})};
}

KeyId key_id(ByteView data_key) {
  const SecretBytes derived =
      crypto::hkdf_sha256(data_key, {}, as_bytes(kKeyIdLabel), sizeof(Digest256));
  const Digest256 digest = internal::sha256_of({as_bytes(kKeyIdLabel), derived.expose()});
  KeyId id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace torchkeep::keys
