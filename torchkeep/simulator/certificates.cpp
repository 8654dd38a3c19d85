#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/simulator/internal/parts.h"

namespace torchkeep::simulator {
namespace {

using std::chrono::days;

constexpr days kBefore{1};
constexpr days kLife{365 * 10};
constexpr const char* kRootCrlUrl =
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
constexpr const char* kPckCrlUrl =
    "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der";

/// 20 bytes, positive and without leading zeros.
Bytes make_serial(crypto::Random& random) {
  auto serial = random.array<20>();
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return to_bytes(serial);
}

class Issuer {
 public:
  Issuer(crypto::Random& random, TimePoint now) : random_(random), now_(now) {}

  Identity root(const char* name) const {
    crypto::EcdsaPrivateKey key = crypto::EcdsaPrivateKey::generate();
    auto request = make_request(name, key, kRootCrlUrl);
    request.is_ca = true;
    auto certificate = crypto::issue_certificate(request, nullptr, key);
    return {std::move(key), std::move(certificate)};
  }

  Identity authority(const char* name, const Identity& issuer) const {
    crypto::EcdsaPrivateKey key = crypto::EcdsaPrivateKey::generate();
    auto request = make_request(name, key, kRootCrlUrl);
    request.is_ca = true;
    return issue(std::move(key), request, issuer);
  }

  Identity leaf(const char* name, const Identity& issuer, const char* crl_url,
                std::vector<crypto::CertificateRequest::Extension> extensions) const {
    crypto::EcdsaPrivateKey key = crypto::EcdsaPrivateKey::generate();
    auto request = make_request(name, key, crl_url);
    request.extensions = std::move(extensions);
    return issue(std::move(key), request, issuer);
  }

 private:
  crypto::CertificateRequest make_request(const char* name, const crypto::EcdsaPrivateKey& key,
                                          const char* crl_url) const {
    return {.common_name = name,
            .public_key_info = key.public_key_info(),
            .serial = make_serial(random_),
            .not_before = now_ - kBefore,
            .not_after = now_ + kLife,
            .crl_url = crl_url};
  }
  static Identity issue(crypto::EcdsaPrivateKey key, const crypto::CertificateRequest& request,
                        const Identity& issuer) {
    auto certificate = crypto::issue_certificate(request, &issuer.certificate, issuer.key);
    return {std::move(key), std::move(certificate)};
  }

  crypto::Random& random_;
  TimePoint now_;
};

}  // namespace

Parts make_parts(crypto::Random& random, TimePoint now) {
  // Verifiers know the parties by Intel's names; that all of it is simulated shows in the root's
  // key.
  const Issuer issuer(random, now);
  Identity root = issuer.root("Intel SGX Root CA");
  Identity platform_ca = issuer.authority("Intel SGX PCK Platform CA", root);
  Identity tcb_signing = issuer.leaf("Intel SGX TCB Signing", root, kRootCrlUrl, {});
  const attest::PckExtension machine{.ppid = random.array<16>(),
                                     .components = kComponentSvns,
                                     .pce_svn = kPceSvn,
                                     .cpu_svn = kCpuSvn,
                                     .pce_id = kPceId,
                                     .fmspc = kFmspc,
                                     .sgx_type = 1,
                                     .platform_instance_id = random.array<16>(),
                                     .configuration = attest::PckExtension::Configuration{
                                         .dynamic_platform = true, .smt_enabled = true}};
  Identity pck = issuer.leaf("Intel SGX PCK Certificate", platform_ca, kPckCrlUrl,
                             {{attest::kPckExtensionOid, attest::encode(machine)}});
  SecretBytes fuses(32);
  random.fill(fuses.expose());
  return {std::move(root),
          std::move(platform_ca),
          std::move(tcb_signing),
          std::move(pck),
          crypto::EcdsaPrivateKey::generate(),
          random.array<16>(),
          std::move(fuses)};
}

}  // namespace torchkeep::simulator
