#pragma once

#include <memory>

#include "torchkeep/base/secret.h"

/// ECDSA: keys of TLS certificates and of the attestation services (FIPS 186-4, P-256), and of AMD's reports (P-384).
namespace torchkeep::crypto {

/// A P-256 private key. Move-only; *thread-safe* for signing.
class EcdsaPrivateKey {
 public:
  static EcdsaPrivateKey generate();
  /// PKCS #8 DER. Errors: Malformed.
  static Result<EcdsaPrivateKey> from_der(ByteView pkcs8);
  EcdsaPrivateKey(EcdsaPrivateKey&&) noexcept;
  EcdsaPrivateKey& operator=(EcdsaPrivateKey&&) noexcept;
  ~EcdsaPrivateKey();

  SecretBytes to_der() const;      ///< PKCS #8.
  Bytes public_key_info() const;   ///< DER SubjectPublicKeyInfo.
  ByteArray<64> public_point() const;  ///< x || y, big-endian.
  /// Over SHA-256 of `message`; r || s, 32 bytes each, big-endian.
  ByteArray<64> sign(ByteView message) const;

  struct State;
  const State& state() const { return *state_; }  // for crypto/ and channel/ only

 private:
  explicit EcdsaPrivateKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// `point` is x || y. Errors: Malformed if that is no point of P-256; Untrusted if the raw r || s
/// signature is not that key's over SHA-256 of `message`.
Result<void> verify_p256(ByteView point, ByteView message, ByteView raw_signature);
/// Makes a table of a key's multiples, with which each later `verify_p256` by it takes 40 % of the
/// time. It takes as long as 350 verifications and 150 KiB: for the roots that a service verifies
/// under as long as it runs, of which the first four get one. *Thread-safe.* Errors: Malformed.
Result<void> prepare_p256(ByteView point);
/// The same on P-384 with SHA-384: `point` and the signature have 96 bytes.
Result<void> verify_p384(ByteView point, ByteView message, ByteView raw_signature);

}  // namespace torchkeep::crypto
