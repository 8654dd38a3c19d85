#include "torchkeep/base/check.h"
#include "torchkeep/crypto/x509.h"

// Certificates alone (DER) and in a chain (PEM): no input crashes, not even in the questions that
// are asked of what was read, and what was read is written as it was.
namespace torchkeep::crypto {
namespace {

void ask(const Certificate& certificate, const Certificate& issuer) {
  (void)certificate.subject();
  (void)certificate.common_name();
  (void)certificate.issuer_name();
  (void)certificate.p256_point();
  (void)certificate.is_ca();
  (void)certificate.path_length();
  (void)certificate.has_unknown_critical_extension();
  (void)certificate.extensions("1.2.840.113741.1.13.1");
  (void)certificate.verify_issued_by(issuer);
  const Bytes serial = certificate.serial();
  TORCHKEEP_CHECK(serial.empty() || serial[0] != 0);
  (void)certificate.public_key_info();
  (void)certificate.not_before();
  (void)certificate.not_after();
}

}  // namespace
}  // namespace torchkeep::crypto

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  if (const auto certificate = crypto::Certificate::from_der(bytes)) {
    TORCHKEEP_CHECK(equal(certificate->der(), bytes));
    crypto::ask(*certificate, *certificate);
  }
  const auto chain = crypto::parse_pem_chain(bytes);
  if (!chain) return 0;
  TORCHKEEP_CHECK(!chain->empty());
  for (const crypto::Certificate& certificate : *chain) crypto::ask(certificate, chain->back());
  const auto again = crypto::parse_pem_chain(as_bytes(crypto::encode_pem(*chain)));
  TORCHKEEP_CHECK(again.ok() && again->size() == chain->size());
  for (std::size_t i = 0; i < chain->size(); ++i) {
    TORCHKEEP_CHECK((*again)[i].der() == (*chain)[i].der());
  }
  return 0;
}
