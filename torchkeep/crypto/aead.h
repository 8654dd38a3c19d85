#pragma once

#include <memory>

#include "torchkeep/base/bytes.h"
#include "torchkeep/crypto/key.h"

/// AES-256-GCM (NIST SP 800-38D) with 12-byte nonces and 16-byte tags.
namespace torchkeep::crypto {

inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;
using Nonce = ByteArray<kNonceBytes>;

/// One key, set up once. Move-only; *not thread-safe*: one a thread.
class Aes256Gcm {
 public:
  /// `key` has 32 bytes; a key with a purpose is passed by `expose()`.
  explicit Aes256Gcm(ByteView key);
  Aes256Gcm(Aes256Gcm&&) noexcept;
  Aes256Gcm& operator=(Aes256Gcm&&) noexcept;
  ~Aes256Gcm();

  /// Encrypts into `out`, which has plaintext.size() + 16 bytes: ciphertext, then tag.
  /// `out` may begin where `plaintext` begins. At most 2^31 - 1 bytes.
  void encrypt(const Nonce& nonce, ByteView aad, ByteView plaintext, MutableByteView out);

  /// Decrypts `ciphertext` (with its tag) into `out`, which has ciphertext.size() - 16 bytes.
  /// Errors: Untrusted if the tag does not match, `out` is wiped then; Malformed if there is no tag.
  Result<void> decrypt(const Nonce& nonce, ByteView aad, ByteView ciphertext, MutableByteView out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A small secret under a key of a purpose: nonce (12) || ciphertext || tag (16). The nonce is random.
Bytes encrypt_secret(ByteView key, Random& random, ByteView aad, ByteView secret);
/// Errors: Untrusted if the key, the AAD or a byte is another.
Result<SecretBytes> decrypt_secret(ByteView key, ByteView aad, ByteView encrypted);

}  // namespace torchkeep::crypto
