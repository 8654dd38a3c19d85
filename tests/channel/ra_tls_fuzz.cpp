// The evidence inside an RA-TLS certificate; the certificate around it is signed afresh. Its key is
// that of a genuine certificate, so that genuine evidence is taken and all that reads it is
// reached.
#include <algorithm>

#include "torchkeep/channel/ra_tls.h"
#include "torchkeep/crypto/digest.h"

#include "tests/support/files.h"

namespace {

using namespace torchkeep;

Bytes genuine_key() {
  const Bytes pem = testing::load_vector("channel/vectors/ratls/gramine-cert.pem");
  return crypto::parse_pem_chain(pem).value().front().public_key_info();
}

bool contains(ByteView bytes, ByteView part) {
  return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const TimePoint now = parse_rfc3339("2026-11-23T10:00:00Z").value();
  static const auto authority_key = crypto::EcdsaPrivateKey::generate();
  static const auto authority = crypto::issue_certificate(
      {"authority", authority_key.public_key_info(), {1}, now, now + std::chrono::hours(1), true},
      nullptr, authority_key);
  static const Bytes public_key_info = genuine_key();
  const ByteView evidence(data, size);
  const auto certificate =
      crypto::issue_certificate({.common_name = "fuzz",
                                 .public_key_info = public_key_info,
                                 .serial = {2},
                                 .not_before = now,
                                 .not_after = now + std::chrono::hours(1),
                                 .extensions = {{"2.23.133.5.4.9", to_bytes(evidence)}}},
                                &authority, authority_key);
  const auto quote = channel::parse_ra_tls_evidence(certificate);
  // Whatever is taken stands in the evidence and binds this very key.
  TORCHKEEP_CHECK(!quote || contains(evidence, *quote));
  TORCHKEEP_CHECK(!quote || contains(evidence, crypto::sha256(public_key_info)) ||
                  contains(evidence, crypto::sha384(public_key_info)) ||
                  contains(evidence, crypto::sha512(public_key_info)));
  return 0;
}
