#include "torchkeep/crypto/hpke.h"

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/aead.h"
#include "torchkeep/crypto/hkdf.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

constexpr std::size_t kPointBytes = 32;
// RFC 9180, 7: KEM DHKEM(X25519, HKDF-SHA256) 0x0020, KDF HKDF-SHA256 0x0001, AEAD AES-256-GCM 0x0002.
constexpr std::uint8_t kKemSuite[] = {'K', 'E', 'M', 0x00, 0x20};
constexpr std::uint8_t kHpkeSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};

// RFC 9180, 4: LabeledExtract and LabeledExpand.
SecretBytes labeled_extract(ByteView suite, ByteView salt, std::string_view label, ByteView input) {
  SecretBuffer labeled;
  for (const ByteView part : {as_bytes("HPKE-v1"), suite, as_bytes(label), input}) {
    append(labeled, part);
  }
  return hkdf_extract_sha256(salt, labeled);
}

SecretBytes labeled_expand(ByteView suite, ByteView key, std::string_view label, ByteView info,
                           std::size_t size) {
  Bytes labeled;
  append_be16(labeled, static_cast<std::uint16_t>(size));
  for (const ByteView part : {as_bytes("HPKE-v1"), suite, as_bytes(label), info}) {
    append(labeled, part);
  }
  return hkdf_expand_sha256(key, labeled, size);
}

PkeyHandle private_key(ByteView bytes) {
  PkeyHandle key{EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes.data(), bytes.size())};
  TORCHKEEP_CHECK(key != nullptr);
  return key;
}

// X25519; OpenSSL refuses an all-zero result, as RFC 9180, 7.1.4 wants it.
Result<SecretBytes> agree(ByteView own_private, ByteView peer_public) {
  const PkeyHandle own = private_key(own_private);
  const PkeyHandle peer{EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public.data(),
                                                    peer_public.size())};
  TORCHKEEP_CHECK(peer != nullptr);
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context{EVP_PKEY_CTX_new(own.get(), nullptr)};
  SecretBytes shared(kPointBytes);
  std::size_t size = shared.size();
  if (EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), shared.expose().data(), &size) != 1 || size != kPointBytes) {
    return untrusted("X25519 key agreement fails: not a usable public key");
  }
  return shared;
}

struct Context {
  SecretBytes key;
  Nonce nonce;
};

// RFC 9180, 4.1 (ExtractAndExpand) and 5.1 (KeySchedule in base mode, first message).
Context schedule(ByteView agreed, ByteView encapsulated, const HpkePublicKey& recipient, ByteView info) {
  Bytes kem_context = to_bytes(encapsulated);
  append(kem_context, recipient.bytes);
  const SecretBytes prk = labeled_extract(kKemSuite, {}, "eae_prk", agreed);
  const SecretBytes shared = labeled_expand(kKemSuite, prk.expose(), "shared_secret", kem_context, 32);

  const SecretBytes psk_id_hash = labeled_extract(kHpkeSuite, {}, "psk_id_hash", {});
  const SecretBytes info_hash = labeled_extract(kHpkeSuite, {}, "info_hash", info);
  Bytes schedule_context{0x00};  // mode_base
  append(schedule_context, psk_id_hash.expose());
  append(schedule_context, info_hash.expose());
  const SecretBytes secret = labeled_extract(kHpkeSuite, shared.expose(), "secret", {});
  const SecretBytes nonce =
      labeled_expand(kHpkeSuite, secret.expose(), "base_nonce", schedule_context, kNonceBytes);
  return {labeled_expand(kHpkeSuite, secret.expose(), "key", schedule_context, 32),
          *to_array<kNonceBytes>(nonce.expose())};
}

}  // namespace

Result<HpkePrivateKey> HpkePrivateKey::from_bytes(SecretBytes bytes) {
  TRY(check_key_bytes(std::as_const(bytes).expose()));
  const PkeyHandle key = private_key(std::as_const(bytes).expose());
  HpkePublicKey public_key;
  std::size_t size = public_key.bytes.size();
  TORCHKEEP_CHECK(EVP_PKEY_get_raw_public_key(key.get(), public_key.bytes.data(), &size) == 1);
  return HpkePrivateKey(std::move(bytes), public_key);
}

HpkePrivateKey HpkePrivateKey::generate(Random& random) {
  SecretBytes bytes(kPointBytes);
  random.fill(bytes.expose());
  return std::move(from_bytes(std::move(bytes))).value();
}

Bytes hpke_encrypt_from(const HpkePrivateKey& ephemeral, const HpkePublicKey& recipient, ByteView info,
                        ByteView aad, ByteView plaintext) {
  const auto agreed = agree(ephemeral.expose(), recipient.bytes);
  Bytes out = to_bytes(ephemeral.public_key().bytes);
  const Context context = schedule(agreed.value().expose(), out, recipient, info);
  out.resize(kPointBytes + plaintext.size() + kTagBytes);
  Aes256Gcm(context.key.expose())
      .encrypt(context.nonce, aad, plaintext, MutableByteView(out).subspan(kPointBytes));
  return out;
}

Bytes hpke_encrypt(const HpkePublicKey& recipient, ByteView info, ByteView aad, ByteView plaintext) {
  SystemRandom random;
  return hpke_encrypt_from(HpkePrivateKey::generate(random), recipient, info, aad, plaintext);
}

Result<SecretBytes> hpke_decrypt(const HpkePrivateKey& recipient, ByteView info, ByteView aad,
                                 ByteView encrypted) {
  if (encrypted.size() < kPointBytes + kTagBytes) {
    return malformed("too short for an HPKE message: ", encrypted.size(), " bytes");
  }
  const ByteView encapsulated = encrypted.first(kPointBytes);
  const SecretBytes agreed = TRY(agree(recipient.expose(), encapsulated));
  const Context context = schedule(agreed.expose(), encapsulated, recipient.public_key(), info);
  SecretBytes plaintext(encrypted.size() - kPointBytes - kTagBytes);
  TRY(Aes256Gcm(context.key.expose())
          .decrypt(context.nonce, aad, encrypted.subspan(kPointBytes), plaintext.expose()));
  return plaintext;
}

}  // namespace torchkeep::crypto
