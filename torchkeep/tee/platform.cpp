#include "torchkeep/tee/platform.h"

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/aead.h"
#include "torchkeep/crypto/key.h"
#include "torchkeep/crypto/random.h"
#ifdef TORCHKEEP_SIMULATION
#include "torchkeep/tee/simulated/simulated_platform.h"
#else
#include "torchkeep/tee/sgx/sgx_platform.h"
#endif

namespace torchkeep::tee {
namespace {

constexpr std::string_view kSealLabel = "torchkeep/seal/v1";

Bytes sealing_aad(std::string_view purpose, ByteView aad) {
  Bytes out = to_bytes(as_bytes(kSealLabel));
  append_le32(out, static_cast<std::uint32_t>(purpose.size()));
  append(out, as_bytes(purpose));
  append(out, aad);
  return out;
}

Result<crypto::SealingKey> make_sealing_key(Platform& platform, std::string_view purpose) {
  return crypto::SealingKey::from_bytes(TRY(platform.sealing_key(purpose).context("sealing key")));
}

}  // namespace

Result<void> check_purpose(std::string_view purpose) {
  if (!purpose.empty() && purpose.size() <= kMaxPurposeBytes) return {};
  return invalid_argument("the purpose of a sealing key has ", purpose.size(), " bytes, 1 to ",
                          kMaxPurposeBytes, " are allowed");
}

Result<Bytes> seal(Platform& platform, std::string_view purpose, ByteView aad, ByteView secret) {
  const crypto::SealingKey key = TRY(make_sealing_key(platform, purpose));
  crypto::SystemRandom random;
  return crypto::encrypt_secret(key.expose(), random, sealing_aad(purpose, aad), secret);
}

Result<SecretBytes> unseal(Platform& platform, std::string_view purpose, ByteView aad,
                           ByteView sealed) {
  const crypto::SealingKey key = TRY(make_sealing_key(platform, purpose));
  auto secret = crypto::decrypt_secret(key.expose(), sealing_aad(purpose, aad), sealed);
  if (secret) return secret;
  return untrusted("sealed for \"", purpose,
                   "\" by another enclave or on another machine, or changed since");
}

#ifdef TORCHKEEP_SIMULATION

Result<std::unique_ptr<Platform>> open_platform(const std::string& simulator_socket) {
  return open_simulated_platform(simulator_socket);
}

bool built_for_simulation() { return true; }

#else

Result<std::unique_ptr<Platform>> open_platform(const std::string& simulator_socket) {
  if (!simulator_socket.empty()) {
    return denied("this program is built for real platforms and takes no simulator");
  }
  return open_sgx_platform("/dev/attestation");
}

bool built_for_simulation() { return false; }

#endif

}  // namespace torchkeep::tee
