// The shortest way to a P-256 verification. OpenSSL 3.0's EVP interface imports each public key
// into a provider, which costs a third of a verification again; attestation verifies with many
// keys, once each. So this one file calls the functions beneath it, which OpenSSL 3 keeps but calls
// deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <algorithm>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

using GroupHandle = Handle<EC_GROUP, EC_GROUP_free>;
using PointHandle = Handle<EC_POINT, EC_POINT_free>;
using KeyHandle = Handle<EC_KEY, EC_KEY_free>;
using SignatureHandle = Handle<ECDSA_SIG, ECDSA_SIG_free>;
constexpr std::size_t kCoordinateBytes = 32;

/// The curve, which is only ever read.
const EC_GROUP* p256() {
  static const GroupHandle group{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
  TORCHKEEP_CHECK(group != nullptr);
  return group.get();
}

/// Null if x || y is no point of the curve.
PointHandle find_point(ByteView point) {
  if (point.size() != 2 * kCoordinateBytes) return {};
  ByteArray<1 + 2 * kCoordinateBytes> uncompressed{0x04};
  std::ranges::copy(point, uncompressed.begin() + 1);
  PointHandle out{EC_POINT_new(p256())};
  TORCHKEEP_CHECK(out != nullptr);
  ERR_set_mark();
  const int read =
      EC_POINT_oct2point(p256(), out.get(), uncompressed.data(), uncompressed.size(), nullptr);
  ERR_pop_to_mark();
  return read == 1 ? std::move(out) : PointHandle{};
}

Result<KeyHandle> make_key(ByteView point) {
  const PointHandle on_curve = find_point(point);
  if (on_curve == nullptr) return malformed("not a point of P-256");
  KeyHandle key{EC_KEY_new()};
  TORCHKEEP_CHECK(key != nullptr && EC_KEY_set_group(key.get(), p256()) == 1 &&
                  EC_KEY_set_public_key(key.get(), on_curve.get()) == 1);
  return key;
}

Result<void> check(int verified) {
  if (verified == 1) return {};
  return untrusted("ECDSA signature does not match");
}

}  // namespace

bool is_p256_point(ByteView point) { return find_point(point) != nullptr; }

Result<void> verify_p256(ByteView point, ByteView message, ByteView raw_signature) {
  const KeyHandle key = TRY(make_key(point));
  if (raw_signature.size() != 2 * kCoordinateBytes) {
    return untrusted("a raw P-256 signature has 64 bytes, this one ", raw_signature.size());
  }
  const SignatureHandle signature{ECDSA_SIG_new()};
  BIGNUM* const r = BN_bin2bn(raw_signature.data(), kCoordinateBytes, nullptr);
  BIGNUM* const s = BN_bin2bn(raw_signature.data() + kCoordinateBytes, kCoordinateBytes, nullptr);
  TORCHKEEP_CHECK(signature != nullptr && r != nullptr && s != nullptr);
  TORCHKEEP_CHECK(ECDSA_SIG_set0(signature.get(), r, s) == 1);
  const Digest256 digest = sha256(message);
  ERR_set_mark();
  const int verified =
      ECDSA_do_verify(digest.data(), static_cast<int>(digest.size()), signature.get(), key.get());
  ERR_pop_to_mark();
  return check(verified);
}

Result<void> verify_p256_der(ByteView point, ByteView message, ByteView der_signature) {
  constexpr std::size_t kMaxSignatureBytes = 80;
  const KeyHandle key = TRY(make_key(point));
  if (der_signature.size() > kMaxSignatureBytes) return check(0);
  const Digest256 digest = sha256(message);
  ERR_set_mark();
  const int verified =
      ECDSA_verify(0, digest.data(), static_cast<int>(digest.size()), der_signature.data(),
                   static_cast<int>(der_signature.size()), key.get());
  ERR_pop_to_mark();
  return check(verified);
}

}  // namespace torchkeep::crypto
