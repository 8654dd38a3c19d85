#include "torchkeep/keyserver/vault.h"

#include <algorithm>

#include "torchkeep/crypto/aead.h"

namespace torchkeep::keyserver {
namespace {

constexpr std::string_view kIdentityPurpose = "torchkeep/keyserver/identity/v1";
constexpr std::string_view kKekPurpose = "torchkeep/keyserver/kek/v1";
constexpr std::string_view kDataKeyLabel = "torchkeep/keyserver/dek/v1";
constexpr std::size_t kMaxDocumentBytes = 65536;

Bytes kek_aad(const Genesis& genesis, const keys::OwnerKey& owner) {
  Bytes aad = to_bytes(genesis.bytes);
  append(aad, owner.bytes);
  return aad;
}

Bytes data_key_aad(const DataKeyOwner& belongs) {
  Bytes aad = to_bytes(as_bytes(kDataKeyLabel));
  append(aad, belongs.genesis.bytes);
  append(aad, belongs.owner.bytes);
  append(aad, belongs.model.bytes);
  append_le64(aad, belongs.version);
  append(aad, belongs.container_digest.bytes);
  append(aad, belongs.statement.bytes);
  return aad;
}

Result<crypto::WrappingKey> unseal_kek(tee::Platform& platform, ByteView sealed,
                                       const DataKeyOwner& belongs) {
  SecretBytes bytes =
      TRY(tee::unseal(platform, kKekPurpose, kek_aad(belongs.genesis, belongs.owner), sealed)
              .context(text("KEK of owner ", keys::hex(belongs.owner))));
  return crypto::WrappingKey::from_bytes(std::move(bytes));
}

}  // namespace

Result<Identity> make_identity(std::vector<Digest256> roots, bool simulated,
                               crypto::Random& random) {
  crypto::Ed25519PrivateKey log_key = crypto::Ed25519PrivateKey::generate(random);
  std::sort(roots.begin(), roots.end());
  keys::GenesisDocument document{.log_key = log_key.public_key().bytes,
                                 .roots = std::move(roots),
                                 .simulated = simulated,
                                 .random = random.array<32>()};
  // What cannot be read again must not be begun.
  TRY(keys::parse_genesis(keys::encode(document)).context("the new key server's genesis"));
  const Genesis genesis = keys::genesis_of(document);
  return Identity{std::move(document), genesis, std::move(log_key)};
}

Result<Bytes> seal_identity(const Identity& identity, tee::Platform& platform) {
  const std::string document = json::encode_canonical(keys::encode(identity.document));
  Bytes row;
  append_le32(row, static_cast<std::uint32_t>(document.size()));
  append(row, as_bytes(document));
  append(row, TRY(tee::seal(platform, kIdentityPurpose, identity.genesis.bytes,
                            identity.log_key.expose_seed())));
  return row;
}

Result<Identity> unseal_identity(ByteView row, tee::Platform& platform) {
  ByteReader reader(row);
  const std::uint32_t size = TRY(reader.take_le32("length of the genesis document"));
  if (size > kMaxDocumentBytes)
    return malformed("the genesis document says it has ", size, " bytes");
  const ByteView bytes = TRY(reader.take(size, "genesis document"));
  const json::Json value = TRY(json::parse_canonical(as_text(bytes)));
  keys::GenesisDocument document = TRY(keys::parse_genesis(value));
  // Unsealing would fail as well, but would not say why.
  if (document.simulated != (platform.kind() == tee::PlatformKind::Simulated)) {
    return untrusted("the store was begun on a ", document.simulated ? "simulated" : "real",
                     " platform, this key server runs on a ",
                     document.simulated ? "real" : "simulated",
                     " one: each has a store of its own, name another file");
  }
  const Genesis genesis = keys::genesis_of(document);
  auto seed = tee::unseal(platform, kIdentityPurpose, genesis.bytes, reader.rest());
  if (!seed) {
    if (seed.error().code != ErrorCode::Untrusted) return std::move(seed).error();
    return untrusted(
        "the store of genesis ", genesis.hex(),
        " was sealed on another machine or by another build of the key server, or its "
        "genesis row was changed: start it where it was made, or begin with an empty store");
  }
  auto log_key = TRY(crypto::Ed25519PrivateKey::from_seed(std::move(seed).value()));
  if (log_key.public_key().bytes != document.log_key) {
    return untrusted("the sealed log key is not the one that genesis ", genesis.hex(), " names");
  }
  return Identity{std::move(document), genesis, std::move(log_key)};
}

Result<Bytes> make_sealed_kek(tee::Platform& platform, crypto::Random& random,
                              const Genesis& genesis, const keys::OwnerKey& owner) {
  const auto kek = crypto::WrappingKey::generate(random);
  return tee::seal(platform, kKekPurpose, kek_aad(genesis, owner), kek.expose());
}

Result<Bytes> wrap_data_key(tee::Platform& platform, crypto::Random& random, ByteView sealed_kek,
                            const DataKeyOwner& belongs, const crypto::DataKey& data_key) {
  const crypto::WrappingKey kek = TRY(unseal_kek(platform, sealed_kek, belongs));
  return crypto::encrypt_secret(kek.expose(), random, data_key_aad(belongs), data_key.expose());
}

Result<crypto::DataKey> unwrap_data_key(tee::Platform& platform, ByteView sealed_kek,
                                        const DataKeyOwner& belongs, ByteView wrapped) {
  const crypto::WrappingKey kek = TRY(unseal_kek(platform, sealed_kek, belongs));
  SecretBytes bytes =
      TRY(crypto::decrypt_secret(kek.expose(), data_key_aad(belongs), wrapped)
              .context(text("DEK of model ", belongs.model.hex(), " version ", belongs.version)));
  return crypto::DataKey::from_bytes(std::move(bytes));
}

}  // namespace torchkeep::keyserver
