#include "torchkeep/crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto {
namespace {

OSSL_PARAM octets(const char* name, ByteView bytes) {
  // OpenSSL reads only; its parameter type has no const form.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

SecretBytes derive(int mode, const char* digest, ByteView key, ByteView salt, ByteView info,
                   std::size_t size) {
  const Handle<EVP_KDF, EVP_KDF_free> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
  TORCHKEEP_CHECK(kdf != nullptr);
  const Handle<EVP_KDF_CTX, EVP_KDF_CTX_free> context{EVP_KDF_CTX_new(kdf.get())};
  TORCHKEEP_CHECK(context != nullptr);
  static std::uint8_t none = 0;
  OSSL_PARAM parameters[6];
  std::size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
  parameters[count++] =
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest), 0);
  parameters[count++] = octets(OSSL_KDF_PARAM_KEY, key.empty() ? ByteView(&none, 0) : key);
  if (!salt.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
  if (!info.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_INFO, info);
  parameters[count] = OSSL_PARAM_construct_end();
  SecretBytes out(size);
  TORCHKEEP_CHECK(EVP_KDF_derive(context.get(), out.expose().data(), size, parameters) == 1);
  return out;
}

}  // namespace

SecretBytes hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, std::size_t size) {
  return derive(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, "SHA256", input_key, salt, info, size);
}

SecretBytes hkdf_extract_sha256(ByteView salt, ByteView input_key) {
  return derive(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA256", input_key, salt, {}, 32);
}

SecretBytes hkdf_expand_sha256(ByteView pseudorandom_key, ByteView info, std::size_t size) {
  return derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", pseudorandom_key, {}, info, size);
}

SecretBytes hkdf_expand_sha384(ByteView pseudorandom_key, ByteView info, std::size_t size) {
  return derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA384", pseudorandom_key, {}, info, size);
}

}  // namespace torchkeep::crypto
