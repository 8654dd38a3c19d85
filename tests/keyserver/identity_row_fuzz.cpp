// The rows that are parsed before anything vouches for them: the identity, and wrapped keys.
#include "torchkeep/crypto/digest.h"
#include "torchkeep/keyserver/vault.h"

#include "tests/support/fake_owner.h"

namespace {

/// Seals with a key that anybody knows, so that the fuzzer may get behind the seal.
class OpenPlatform final : public torchkeep::tee::Platform {
 public:
  torchkeep::tee::PlatformKind kind() const override {
    return torchkeep::tee::PlatformKind::Simulated;
  }
  torchkeep::Result<torchkeep::Bytes> make_evidence(const torchkeep::tee::ReportData&) override {
    return torchkeep::unavailable("no evidence here");
  }
  torchkeep::Result<torchkeep::SecretBytes> sealing_key(std::string_view purpose) override {
    return torchkeep::SecretBytes::copy_of(torchkeep::crypto::sha256(torchkeep::as_bytes(purpose)));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  OpenPlatform platform;
  const ByteView bytes(data, size);
  (void)keyserver::unseal_identity(bytes, platform);
  keyserver::DataKeyOwner belongs;
  belongs.owner = testing::fake_owner_key(1).public_key();
  crypto::SystemRandom random;
  const Bytes kek =
      keyserver::make_sealed_kek(platform, random, belongs.genesis, belongs.owner).value();
  (void)keyserver::unwrap_data_key(platform, kek, belongs, bytes);
  (void)keyserver::unwrap_data_key(platform, bytes, belongs, bytes);
  return 0;
}
