#pragma once

#include <span>

#include "torchkeep/attest/verify.h"
#include "torchkeep/crypto/random.h"
#include "torchkeep/crypto/x509.h"
#include "torchkeep/tee/platform.h"

/// Interoperable RA-TLS: evidence inside a certificate, extension 2.23.133.5.4.9, CBOR tag 60000.
/// It tells standard verifiers who we are; it admits relay, diversion and stale evidence, so
/// nothing of value moves on it alone (channel/session.h). Source:
/// CCC-Attestation/interoperable-ra-tls.
namespace torchkeep::channel {

/// A key made at start, and the certificate that evidence binds to it.
struct RaTlsIdentity {
  crypto::EcdsaPrivateKey key;
  crypto::Certificate certificate;
};
/// Errors: Unavailable if the platform does not answer.
Result<RaTlsIdentity> make_ra_tls_identity(tee::Platform& platform, crypto::Random& random,
                                           TimePoint now);

/// Which evidence a certificate may carry. Gramine's older extension (a malformed OID, written
/// 1.2.840.113741.1337.6) holds a bare quote over the public key; it is deprecated and has no
/// claims, so it is read only where somebody asks for it, and only if the standard one is not
/// there.
enum class RaTlsEvidence { Standard, StandardOrLegacy };

/// The quote inside a certificate, once its claims match the certificate's own key and the quote's
/// report data. The quote itself is not verified yet.
/// Errors: NotFound if there is no evidence; Malformed; Untrusted, naming what does not match.
Result<Bytes> parse_ra_tls_evidence(const crypto::Certificate& certificate,
                                    RaTlsEvidence accepted = RaTlsEvidence::Standard);

/// All of the above, then `attest::verify_quote`. Errors: as both.
Result<attest::Claims> verify_ra_tls_certificate(const crypto::Certificate& certificate,
                                                 const attest::Collateral& collateral,
                                                 std::span<const attest::RootKey> roots,
                                                 TimePoint now,
                                                 RaTlsEvidence accepted = RaTlsEvidence::Standard);

}  // namespace torchkeep::channel
