#include "torchkeep/crypto/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

/// Looked up once: OpenSSL 3 looks up EVP_sha256() with every use, which takes longer than a short
/// message.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TORCHKEEP_CHECK(found != nullptr);
  return found;
}

template <std::size_t N>
ByteArray<N> digest(const EVP_MD* algorithm, ByteView bytes) {
  ByteArray<N> out;
  unsigned size = 0;
  TORCHKEEP_CHECK(EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr) == 1);
  TORCHKEEP_CHECK(size == N);
  return out;
}

}  // namespace

Digest256 sha256(ByteView bytes) { return digest<32>(sha256_algorithm(), bytes); }
Digest384 sha384(ByteView bytes) { return digest<48>(EVP_sha384(), bytes); }
Digest512 sha512(ByteView bytes) { return digest<64>(EVP_sha512(), bytes); }

Digest256 hmac_sha256(ByteView key, ByteView bytes) {
  // OpenSSL takes a null key for "the key set before"; an empty one is a key like any other.
  static const std::uint8_t kEmpty = 0;
  Digest256 out;
  unsigned size = 0;
  TORCHKEEP_CHECK(HMAC(EVP_sha256(), key.empty() ? &kEmpty : key.data(), static_cast<int>(key.size()),
                       bytes.data(), bytes.size(), out.data(), &size) != nullptr);
  TORCHKEEP_CHECK(size == out.size());
  return out;
}

struct Sha256::State {
  Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  TORCHKEEP_CHECK(EVP_DigestInit_ex2(state_->context.get(), sha256_algorithm(), nullptr) == 1);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

Sha256& Sha256::update(ByteView bytes) {
  TORCHKEEP_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest256 Sha256::finish() && {
  Digest256 out;
  unsigned size = 0;
  TORCHKEEP_CHECK(EVP_DigestFinal_ex(state_->context.get(), out.data(), &size) == 1);
  TORCHKEEP_CHECK(size == out.size());
  return out;
}

}  // namespace torchkeep::crypto
