#pragma once

#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/random.h"

/// Ed25519 (RFC 8032): the signatures of owners.
namespace torchkeep::crypto {

struct Ed25519PublicKey {
  ByteArray<32> bytes{};
  auto operator<=>(const Ed25519PublicKey&) const = default;
};
using Ed25519Signature = ByteArray<64>;

/// A private key. Move-only.
class Ed25519PrivateKey {
 public:
  static Ed25519PrivateKey generate(Random& random);
  /// The 32-byte seed. Errors: InvalidArgument for another size or all-equal bytes.
  static Result<Ed25519PrivateKey> from_seed(SecretBytes seed);

  const Ed25519PublicKey& public_key() const { return public_key_; }
  Ed25519Signature sign(ByteView message) const;
  ByteView expose_seed() const { return seed_.expose(); }

 private:
  Ed25519PrivateKey(SecretBytes seed, Ed25519PublicKey public_key)
      : seed_(std::move(seed)), public_key_(public_key) {}
  SecretBytes seed_;
  Ed25519PublicKey public_key_;
};

/// Errors: Untrusted if the signature is not this key's over this message.
Result<void> verify_ed25519(const Ed25519PublicKey& key, ByteView message, ByteView signature);

}  // namespace torchkeep::crypto
