#include "torchkeep/crypto/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

using SignatureHandle = Handle<ECDSA_SIG, ECDSA_SIG_free>;
using ContextHandle = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
constexpr std::size_t kCoordinateBytes = 32;
constexpr std::size_t kP384CoordinateBytes = 48;

bool is_p256(const EVP_PKEY* key) {
  char group[32] = {};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

// A P-384 public key from x || y.
Result<PkeyHandle> make_p384_public_key(ByteView point) {
  if (point.size() != 2 * kP384CoordinateBytes) return malformed("a P-384 point has 96 bytes");
  ByteArray<1 + 2 * kP384CoordinateBytes> uncompressed{0x04};
  std::ranges::copy(point, uncompressed.begin() + 1);
  char group[] = "secp384r1";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, uncompressed.data(),
                                        uncompressed.size()),
      OSSL_PARAM_construct_end()};
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context{EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)};
  TORCHKEEP_CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  ERR_set_mark();
  const int made = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters);
  ERR_pop_to_mark();
  if (made != 1) return malformed("not a point of P-384");
  return PkeyHandle{key};
}

}  // namespace

Result<PkeyHandle> parse_public_key(ByteView public_key_info) {
  const unsigned char* next = public_key_info.data();
  PkeyHandle key{d2i_PUBKEY(nullptr, &next, static_cast<long>(public_key_info.size()))};
  if (key == nullptr) return malformed("not a public key");
  if (next != public_key_info.data() + public_key_info.size()) {
    return malformed("bytes behind a public key");
  }
  return key;
}

Result<ByteArray<64>> find_p256_point(EVP_PKEY* key) {
  if (!is_p256(key)) return malformed("not a P-256 key");
  ByteArray<1 + 2 * kCoordinateBytes> encoded;
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size(),
                                      &size) != 1 ||
      size != encoded.size() || encoded[0] != 0x04) {
    return malformed("P-256 key without an uncompressed point");
  }
  return to_array<64>(ByteView(encoded).subspan(1));
}

EcdsaPrivateKey::EcdsaPrivateKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
EcdsaPrivateKey::EcdsaPrivateKey(EcdsaPrivateKey&&) noexcept = default;
EcdsaPrivateKey& EcdsaPrivateKey::operator=(EcdsaPrivateKey&&) noexcept = default;
EcdsaPrivateKey::~EcdsaPrivateKey() = default;

EcdsaPrivateKey EcdsaPrivateKey::generate() {
  auto state = std::make_unique<State>(State{PkeyHandle{EVP_EC_gen("P-256")}});
  TORCHKEEP_CHECK(state->pkey != nullptr);
  return EcdsaPrivateKey(std::move(state));
}

Result<EcdsaPrivateKey> EcdsaPrivateKey::from_der(ByteView pkcs8) {
  const unsigned char* next = pkcs8.data();
  const Handle<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info{
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &next, static_cast<long>(pkcs8.size()))};
  if (info == nullptr || next != pkcs8.data() + pkcs8.size()) {
    return malformed("not a PKCS #8 private key");
  }
  PkeyHandle key{EVP_PKCS82PKEY(info.get())};
  if (key == nullptr || !is_p256(key.get())) return malformed("not a P-256 private key");
  return EcdsaPrivateKey(std::make_unique<State>(State{std::move(key)}));
}

SecretBytes EcdsaPrivateKey::to_der() const {
  const Handle<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info{EVP_PKEY2PKCS8(state_->pkey.get())};
  TORCHKEEP_CHECK(info != nullptr);
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  TORCHKEEP_CHECK(size > 0);
  SecretBytes der(static_cast<std::size_t>(size));
  unsigned char* out = der.expose().data();
  TORCHKEEP_CHECK(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &out) == size);
  return der;
}

Bytes EcdsaPrivateKey::public_key_info() const {
  return crypto::to_der<const EVP_PKEY>(state_->pkey.get(), i2d_PUBKEY);
}

ByteArray<64> EcdsaPrivateKey::public_point() const {
  return find_p256_point(state_->pkey.get()).value();
}

ByteArray<64> EcdsaPrivateKey::sign(ByteView message) const {
  const ContextHandle context{EVP_MD_CTX_new()};
  TORCHKEEP_CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                     state_->pkey.get()) == 1);
  ByteArray<80> der;
  std::size_t size = der.size();
  TORCHKEEP_CHECK(EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size()) == 1);
  const unsigned char* next = der.data();
  const SignatureHandle signature{d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(size))};
  TORCHKEEP_CHECK(signature != nullptr);
  ByteArray<64> raw;
  TORCHKEEP_CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), kCoordinateBytes) > 0);
  TORCHKEEP_CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + kCoordinateBytes,
                               kCoordinateBytes) > 0);
  return raw;
}

// P-384 is only met in AMD's evidence, once each: no need for the short way of p256.cpp.
Result<void> verify_p384(ByteView point, ByteView message, ByteView raw_signature) {
  const PkeyHandle key = TRY(make_p384_public_key(point));
  if (raw_signature.size() != 2 * kP384CoordinateBytes) {
    return untrusted("a raw P-384 signature has 96 bytes, this one ", raw_signature.size());
  }
  const SignatureHandle signature{ECDSA_SIG_new()};
  BIGNUM* const r = BN_bin2bn(raw_signature.data(), kP384CoordinateBytes, nullptr);
  BIGNUM* const s =
      BN_bin2bn(raw_signature.data() + kP384CoordinateBytes, kP384CoordinateBytes, nullptr);
  TORCHKEEP_CHECK(signature != nullptr && r != nullptr && s != nullptr);
  TORCHKEEP_CHECK(ECDSA_SIG_set0(signature.get(), r, s) == 1);
  const Bytes der = crypto::to_der<const ECDSA_SIG>(signature.get(), i2d_ECDSA_SIG);
  const ContextHandle context{EVP_MD_CTX_new()};
  TORCHKEEP_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha384(), nullptr, key.get()) == 1);
  ERR_set_mark();
  const int verified =
      EVP_DigestVerify(context.get(), der.data(), der.size(), message.data(), message.size());
  ERR_pop_to_mark();
  if (verified != 1) return untrusted("ECDSA signature does not match");
  return {};
}

}  // namespace torchkeep::crypto
