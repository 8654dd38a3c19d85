// The shortest way to a P-256 verification. OpenSSL 3.0's EVP interface imports each public key
// into a provider, which costs a third of a verification again; attestation verifies with many
// keys, once each. So this one file calls the functions beneath it, which OpenSSL 3 keeps but calls
// deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "torchkeep/crypto/internal/p256.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "torchkeep/base/text.h"

namespace torchkeep::crypto {
namespace {
constexpr std::size_t kCoordinateBytes = 32;
}

namespace p256 {

const EC_GROUP* curve() {
  static const GroupHandle group{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
  TORCHKEEP_CHECK(group != nullptr);
  return group.get();
}

PointHandle find_point(ByteView point) {
  if (point.size() != 2 * kCoordinateBytes) return {};
  ByteArray<1 + 2 * kCoordinateBytes> uncompressed{0x04};
  std::ranges::copy(point, uncompressed.begin() + 1);
  PointHandle out{EC_POINT_new(curve())};
  TORCHKEEP_CHECK(out != nullptr);
  ERR_set_mark();
  const int read =
      EC_POINT_oct2point(curve(), out.get(), uncompressed.data(), uncompressed.size(), nullptr);
  ERR_pop_to_mark();
  return read == 1 ? std::move(out) : PointHandle{};
}

namespace {

using KeyHandle = Handle<EC_KEY, EC_KEY_free>;

/// A thread's one key object, holding `point` from now on: making a new one copies the curve.
EC_KEY* key_of(const EC_POINT& point) {
  thread_local const KeyHandle key = [] {
    KeyHandle made{EC_KEY_new()};
    TORCHKEEP_CHECK(made != nullptr && EC_KEY_set_group(made.get(), curve()) == 1);
    return made;
  }();
  TORCHKEEP_CHECK(EC_KEY_set_public_key(key.get(), &point) == 1);
  return key.get();
}

/// Null unless `der` is a signature in its one DER form.
SignatureHandle find_signature(ByteView der) {
  constexpr std::size_t kMaxSignatureBytes = 80;
  if (der.size() > kMaxSignatureBytes) return {};
  const unsigned char* next = der.data();
  ERR_set_mark();
  SignatureHandle signature{d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size()))};
  ERR_pop_to_mark();
  if (signature == nullptr) return {};
  return equal(to_der<const ECDSA_SIG>(signature.get(), i2d_ECDSA_SIG), der) ? std::move(signature)
                                                                             : SignatureHandle{};
}

Result<void> verify_parsed(ByteView point, ByteView message, const SignatureHandle& signature) {
  const Table* const table = find_table(point);
  const PointHandle on_curve = table != nullptr ? PointHandle{} : find_point(point);
  if (table == nullptr && on_curve == nullptr) return malformed("not a point of P-256");
  const Error no_match = untrusted("ECDSA signature does not match");
  if (signature == nullptr) return no_match;
  const Digest256 digest = sha256(message);
  ERR_set_mark();
  const bool verified = table != nullptr
                            ? verify_with(*table, digest, *signature)
                            : ECDSA_do_verify(digest.data(), static_cast<int>(digest.size()),
                                              signature.get(), key_of(*on_curve)) == 1;
  ERR_pop_to_mark();
  if (!verified) return no_match;
  return {};
}

}  // namespace
}  // namespace p256

bool is_p256_point(ByteView point) { return p256::find_point(point) != nullptr; }

Result<void> verify_p256(ByteView point, ByteView message, ByteView raw_signature) {
  if (raw_signature.size() != 2 * kCoordinateBytes) {
    return untrusted("a raw P-256 signature has 64 bytes, this one ", raw_signature.size());
  }
  const p256::SignatureHandle signature{ECDSA_SIG_new()};
  BIGNUM* const r = BN_bin2bn(raw_signature.data(), kCoordinateBytes, nullptr);
  BIGNUM* const s = BN_bin2bn(raw_signature.data() + kCoordinateBytes, kCoordinateBytes, nullptr);
  TORCHKEEP_CHECK(signature != nullptr && r != nullptr && s != nullptr);
  TORCHKEEP_CHECK(ECDSA_SIG_set0(signature.get(), r, s) == 1);
  return p256::verify_parsed(point, message, signature);
}

Result<void> verify_p256_der(ByteView point, ByteView message, ByteView der_signature) {
  return p256::verify_parsed(point, message, p256::find_signature(der_signature));
}

}  // namespace torchkeep::crypto
