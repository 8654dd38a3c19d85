#include "torchkeep/client/recovery_file.h"

#include "torchkeep/json/json.h"

namespace torchkeep::client {
namespace {

constexpr std::string_view kLabel = "torchkeep/recovery/v1";
constexpr std::size_t kMaxRecoveryBytes = 4096;

json::Json header_json(const RecoveryHeader& header) {
  return {{"container_digest", header.container_digest.hex()},
          {"key_id", header.key_id.hex()},
          {"name", header.name},
          {"owner", keys::hex(header.owner)},
          {"version", header.version}};
}

}  // namespace

Recovery encrypt_recovery(const RecoveryHeader& header, const crypto::DataKey& data_key,
                          const crypto::HpkePublicKey& recovery_key) {
  const std::string bound = json::encode_canonical(header_json(header));
  return {header,
          crypto::hpke_encrypt(recovery_key, as_bytes(kLabel), as_bytes(bound), data_key.expose())};
}

Result<crypto::DataKey> decrypt_recovery(const Recovery& recovery,
                                         const crypto::HpkePrivateKey& recovery_key) {
  const std::string bound = json::encode_canonical(header_json(recovery.header));
  SecretBytes bytes = TRY(
      crypto::hpke_decrypt(recovery_key, as_bytes(kLabel), as_bytes(bound), recovery.encrypted_key)
          .context("recovery file"));
  auto key = TRY(crypto::DataKey::from_bytes(std::move(bytes)).context("recovery file"));
  if (keys::key_id(key.expose()) != recovery.header.key_id) {
    return untrusted("recovery file: the key inside is not the one it names");
  }
  return key;
}

std::string encode(const Recovery& recovery) {
  json::Json value = header_json(recovery.header);
  value["format"] = kLabel;
  value["encrypted_key"] = encode_base64(recovery.encrypted_key);
  return json::encode_canonical(value);
}

Result<Recovery> parse_recovery(std::string_view text) {
  const json::Json value = TRY(json::parse_canonical(text).context("recovery file"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "recovery file"));
  if (TRY(reader.take_string("format")) != kLabel) {
    return malformed("recovery file: \"format\" is not ", kLabel);
  }
  Recovery recovery;
  RecoveryHeader& header = recovery.header;
  const std::string owner = TRY(reader.take_string("owner"));
  header.owner = TRY(keys::parse_owner_key(owner));
  header.name = TRY(reader.take_string("name"));
  if (!keys::check_model_name(header.name)) return malformed("recovery file: no model name");
  header.version = TRY(reader.take_unsigned("version"));
  const std::string digest = TRY(reader.take_string("container_digest"));
  header.container_digest = TRY(ContainerDigest::parse(digest));
  const std::string key_id = TRY(reader.take_string("key_id"));
  header.key_id = TRY(KeyId::parse(key_id));
  const std::string encrypted = TRY(reader.take_string("encrypted_key"));
  recovery.encrypted_key = TRY(decode_base64(encrypted));
  TRY(reader.finish());
  // Both cases of hex are read above; what was written is one of them.
  if (encode(recovery) != text) return malformed("recovery file: not spelled as we spell it");
  return recovery;
}

Result<void> store_recovery(const Path& path, const Recovery& recovery) {
  return store_file(path, as_bytes(encode(recovery)), 0600);
}

Result<Recovery> load_recovery(const Path& path) {
  const Bytes bytes = TRY(load_file(path, kMaxRecoveryBytes));
  return parse_recovery(as_text(bytes)).context(path.string());
}

}  // namespace torchkeep::client
