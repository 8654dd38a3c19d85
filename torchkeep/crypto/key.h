#pragma once

#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/random.h"

/// Symmetric keys of 256 bits. The purpose is part of the type: a KEK cannot be passed where a DEK
/// is meant, and a zero or short key cannot be made at all.
namespace torchkeep::crypto {

inline constexpr std::size_t kKeyBytes = 32;

/// Errors: InvalidArgument for another size than 32 bytes, or for bytes that are all the same.
Result<void> check_key_bytes(ByteView bytes);

template <typename Purpose>
class Key {
 public:
  static Key generate(Random& random) {
    SecretBytes bytes(kKeyBytes);
    random.fill(bytes.expose());
    TORCHKEEP_CHECK(check_key_bytes(bytes.expose()).ok());
    return Key(std::move(bytes));
  }
  static Result<Key> from_bytes(SecretBytes bytes) {
    TRY(check_key_bytes(std::as_const(bytes).expose()));
    return Key(std::move(bytes));
  }
  Key(Key&&) noexcept = default;
  Key& operator=(Key&&) noexcept = default;

  /// A second holder of the same key, where two parts of a program must own it.
  Key clone() const { return Key(SecretBytes::copy_of(expose())); }

  /// As with `SecretBytes::expose`.
  ByteView expose() const { return bytes_.expose(); }

 private:
  explicit Key(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  SecretBytes bytes_;
};

using DataKey = Key<struct DataKeyPurpose>;          ///< DEK: encrypts one model container.
using WrappingKey = Key<struct WrappingKeyPurpose>;  ///< KEK: wraps one owner's DEKs.
using SealingKey = Key<struct SealingKeyPurpose>;    ///< Bound to a TEE's identity.

}  // namespace torchkeep::crypto
