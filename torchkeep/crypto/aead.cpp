#include "torchkeep/crypto/aead.h"

#include <algorithm>
#include <limits>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/openssl.h"
#include "torchkeep/crypto/random.h"

namespace torchkeep::crypto {
namespace {

using CipherHandle = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

int length_of(ByteView bytes) {
  TORCHKEEP_CHECK(bytes.size() <= std::size_t{std::numeric_limits<int>::max()});
  return static_cast<int>(bytes.size());
}

CipherHandle new_context(ByteView key, int encrypting) {
  CipherHandle context{EVP_CIPHER_CTX_new()};
  TORCHKEEP_CHECK(context != nullptr);
  TORCHKEEP_CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr,
                                    encrypting) == 1);
  return context;
}

void start(EVP_CIPHER_CTX* context, const Nonce& nonce, ByteView aad) {
  int done = 0;
  TORCHKEEP_CHECK(EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.data(), -1) == 1);
  if (!aad.empty()) {
    TORCHKEEP_CHECK(EVP_CipherUpdate(context, nullptr, &done, aad.data(), length_of(aad)) == 1);
  }
}

}  // namespace

// The key schedule of each direction is made once; a message then only sets its nonce.
struct Aes256Gcm::State {
  CipherHandle encrypting;
  CipherHandle decrypting;
};

Aes256Gcm::Aes256Gcm(ByteView key) {
  TORCHKEEP_CHECK(key.size() == kKeyBytes);
  state_ = std::make_unique<State>(State{new_context(key, 1), new_context(key, 0)});
}
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;
Aes256Gcm::~Aes256Gcm() = default;

void Aes256Gcm::encrypt(const Nonce& nonce, ByteView aad, ByteView plaintext, MutableByteView out) {
  TORCHKEEP_CHECK(out.size() == plaintext.size() + kTagBytes);
  EVP_CIPHER_CTX* const context = state_->encrypting.get();
  start(context, nonce, aad);
  int done = 0;
  if (!plaintext.empty()) {
    TORCHKEEP_CHECK(EVP_CipherUpdate(context, out.data(), &done, plaintext.data(),
                                     length_of(plaintext)) == 1);
  }
  const MutableByteView tag = out.last(kTagBytes);
  TORCHKEEP_CHECK(EVP_CipherFinal_ex(context, tag.data(), &done) == 1);
  TORCHKEEP_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) == 1);
}

Result<void> Aes256Gcm::decrypt(const Nonce& nonce, ByteView aad, ByteView ciphertext,
                                MutableByteView out) {
  if (ciphertext.size() < kTagBytes) return malformed("ciphertext is shorter than its tag");
  const ByteView body = ciphertext.first(ciphertext.size() - kTagBytes);
  TORCHKEEP_CHECK(out.size() == body.size());
  ByteArray<kTagBytes> tag;
  std::ranges::copy(ciphertext.last(kTagBytes), tag.begin());
  EVP_CIPHER_CTX* const context = state_->decrypting.get();
  start(context, nonce, aad);
  int done = 0;
  if (!body.empty()) {
    TORCHKEEP_CHECK(EVP_CipherUpdate(context, out.data(), &done, body.data(), length_of(body)) == 1);
  }
  TORCHKEEP_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  std::uint8_t none = 0;
  if (EVP_CipherFinal_ex(context, &none, &done) != 1) {
    wipe(out);
    return untrusted("authentication tag does not match");
  }
  return {};
}

Bytes encrypt_secret(ByteView key, Random& random, ByteView aad, ByteView secret) {
  Bytes out(kNonceBytes + secret.size() + kTagBytes);
  const Nonce nonce = random.array<kNonceBytes>();
  std::ranges::copy(nonce, out.begin());
  Aes256Gcm(key).encrypt(nonce, aad, secret, MutableByteView(out).subspan(kNonceBytes));
  return out;
}

Result<SecretBytes> decrypt_secret(ByteView key, ByteView aad, ByteView encrypted) {
  if (encrypted.size() < kNonceBytes + kTagBytes) {
    return untrusted("encrypted secret is cut short: ", encrypted.size(), " bytes");
  }
  const Nonce nonce = *to_array<kNonceBytes>(encrypted.first(kNonceBytes));
  SecretBytes secret(encrypted.size() - kNonceBytes - kTagBytes);
  TRY(Aes256Gcm(key).decrypt(nonce, aad, encrypted.subspan(kNonceBytes), secret.expose()));
  return secret;
}

}  // namespace torchkeep::crypto
