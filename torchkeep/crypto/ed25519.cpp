#include "torchkeep/crypto/ed25519.h"

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/key.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

PkeyHandle private_key(ByteView seed) {
  PkeyHandle key{EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size())};
  TORCHKEEP_CHECK(key != nullptr);
  return key;
}

}  // namespace

Result<Ed25519PrivateKey> Ed25519PrivateKey::from_seed(SecretBytes seed) {
  TRY(check_key_bytes(std::as_const(seed).expose()));
  const PkeyHandle key = private_key(std::as_const(seed).expose());
  Ed25519PublicKey public_key;
  std::size_t size = public_key.bytes.size();
  TORCHKEEP_CHECK(EVP_PKEY_get_raw_public_key(key.get(), public_key.bytes.data(), &size) == 1);
  return Ed25519PrivateKey(std::move(seed), public_key);
}

Ed25519PrivateKey Ed25519PrivateKey::generate(Random& random) {
  SecretBytes seed(32);
  random.fill(seed.expose());
  return std::move(from_seed(std::move(seed))).value();
}

Ed25519Signature Ed25519PrivateKey::sign(ByteView message) const {
  const PkeyHandle key = private_key(seed_.expose());
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  Ed25519Signature signature;
  std::size_t size = signature.size();
  TORCHKEEP_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  TORCHKEEP_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                                 message.size()) == 1);
  return signature;
}

Result<void> verify_ed25519(const Ed25519PublicKey& key, ByteView message, ByteView signature) {
  const PkeyHandle pkey{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(),
                                                    key.bytes.size())};
  if (pkey == nullptr) return untrusted("not an Ed25519 public key");
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  TORCHKEEP_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1);
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) != 1) {
    return untrusted("Ed25519 signature does not match");
  }
  return {};
}

}  // namespace torchkeep::crypto
