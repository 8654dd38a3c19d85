#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <mutex>

#include "torchkeep/crypto/ecdsa.h"
#include "torchkeep/crypto/x509.h"

/// OpenSSL's own handles behind our types; only sources of crypto/ and channel/ include this.
/// A call that fails here for want of memory or of an algorithm ends the process: a program without
/// its cryptography has nothing to offer.
namespace torchkeep::crypto {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
template <typename T, auto Free>
using Handle = std::unique_ptr<T, Freed<Free>>;

using PkeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using X509Handle = Handle<X509, X509_free>;

struct EcdsaPrivateKey::State {
  PkeyHandle pkey;
};

/// A certificate with its public key decoded, made when it is first asked for: that takes as long as
/// two P-256 verifications, and attestation reads many keys faster. *Thread-safe.*
class FullX509 {
 public:
  explicit FullX509(const Bytes& der) : der_(der) {}
  /// `der` has been parsed before. Borrowed.
  X509* get() const;

 private:
  const Bytes& der_;
  mutable std::once_flag once_;
  mutable X509Handle x509_;
};

struct Certificate::State {
  State(X509Handle parsed, Bytes bytes);
  X509Handle fields;  ///< Everything but the public key, which OpenSSL could not decode in it.
  Bytes der;
  std::optional<ByteArray<64>> p256;  ///< x || y of a P-256 key, a point of the curve.
  FullX509 x509{der};
};

/// A public key from its DER SubjectPublicKeyInfo. Errors: Malformed, also for bytes behind it.
Result<PkeyHandle> parse_public_key(ByteView public_key_info);
bool is_p256_point(ByteView point);
/// As `verify_p256`, with the signature in DER. Errors: Malformed; Untrusted.
Result<void> verify_p256_der(ByteView point, ByteView message, ByteView der_signature);
/// x || y of a P-256 key. Errors: Malformed for another kind of key.
Result<ByteArray<64>> find_p256_point(EVP_PKEY* key);

/// The DER of anything that has an i2d function.
template <typename T>
Bytes to_der(T* object, int (*encode)(T*, unsigned char**)) {
  const int size = encode(object, nullptr);
  TORCHKEEP_CHECK(size > 0);
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* out = der.data();
  TORCHKEEP_CHECK(encode(object, &out) == size);
  return der;
}

}  // namespace torchkeep::crypto
