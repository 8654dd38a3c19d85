#pragma once

#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/random.h"

/// Encryption to a public key: HPKE (RFC 9180) base mode, single shot, with DHKEM(X25519,
/// HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. For what an owner keeps to recover a DEK.
namespace torchkeep::crypto {

struct HpkePublicKey {
  ByteArray<32> bytes{};
  auto operator<=>(const HpkePublicKey&) const = default;
};

/// An X25519 private key. Move-only.
class HpkePrivateKey {
 public:
  static HpkePrivateKey generate(Random& random);
  /// Errors: InvalidArgument for another size than 32 bytes or all-equal bytes.
  static Result<HpkePrivateKey> from_bytes(SecretBytes bytes);
  const HpkePublicKey& public_key() const { return public_key_; }
  ByteView expose() const { return bytes_.expose(); }

 private:
  HpkePrivateKey(SecretBytes bytes, HpkePublicKey public_key)
      : bytes_(std::move(bytes)), public_key_(public_key) {}
  SecretBytes bytes_;
  HpkePublicKey public_key_;
};

/// Encapsulated key (32) || ciphertext || tag (16). `info` and `aad` bind the context.
/// `recipient` is the public half of a key of ours; a point of low order ends the process.
Bytes hpke_encrypt(const HpkePublicKey& recipient, ByteView info, ByteView aad, ByteView plaintext);
/// The same from a given ephemeral key, which must never be used twice: for known-answer tests.
Bytes hpke_encrypt_from(const HpkePrivateKey& ephemeral, const HpkePublicKey& recipient, ByteView info,
                        ByteView aad, ByteView plaintext);
/// Errors: Malformed if too short; Untrusted if key, info, AAD or a byte is another.
Result<SecretBytes> hpke_decrypt(const HpkePrivateKey& recipient, ByteView info, ByteView aad,
                                 ByteView encrypted);

}  // namespace torchkeep::crypto
