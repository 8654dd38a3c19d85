// The evidence inside an RA-TLS certificate; the certificate around it is signed afresh.
#include "torchkeep/channel/ra_tls.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  static const auto key = crypto::EcdsaPrivateKey::generate();
  const TimePoint now = parse_rfc3339("2026-11-23T10:00:00Z").value();
  const auto certificate =
      crypto::issue_certificate({.common_name = "fuzz",
                                 .public_key_info = key.public_key_info(),
                                 .serial = {1},
                                 .not_before = now,
                                 .not_after = now + std::chrono::hours(1),
                                 .extensions = {{"2.23.133.5.4.9", {data, data + size}}}},
                                nullptr, key);
  const auto quote = channel::parse_ra_tls_evidence(certificate);
  // No input can be the hash of this run's key.
  TORCHKEEP_CHECK(!quote.ok());
  return 0;
}
