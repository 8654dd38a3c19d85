#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/crypto/ecdsa.h"

/// X.509 certificates and CRLs (RFC 5280): what attestation and RA-TLS need of them.
/// Parsing trusts nothing; each `verify_*` says what it checked.
namespace torchkeep::crypto {

/// A parsed certificate. *Immutable*; copies share the parsed form.
class Certificate {
 public:
  /// Exactly one DER certificate, no bytes behind it. Errors: Malformed.
  static Result<Certificate> from_der(ByteView der);

  const Bytes& der() const;
  std::string subject() const;      ///< RFC 2253, for people.
  std::string common_name() const;  ///< Of the subject; empty if absent.
  Bytes subject_name() const;       ///< DER Name.
  Bytes issuer_name() const;        ///< DER Name.
  Bytes serial() const;             ///< Big-endian, without leading zeros.
  Bytes public_key_info() const;    ///< DER SubjectPublicKeyInfo, as encoded in the certificate.
  /// x || y. Errors: Malformed if the key is not P-256.
  Result<ByteArray<64>> p256_point() const;
  /// x || y. Errors: Malformed if the key is not P-384.
  Result<ByteArray<96>> p384_point() const;
  /// Whether its signature is RSASSA-PSS with SHA-384 throughout, as AMD's are; verifies nothing.
  bool is_signed_with_rsa_pss() const;
  TimePoint not_before() const;
  TimePoint not_after() const;
  bool is_ca() const;  ///< basicConstraints CA, and keyCertSign if key usage is there.
  std::optional<long> path_length() const;
  bool has_unknown_critical_extension() const;
  /// Values of the extensions with this OID ("2.23.133.5.4.9"), in order; none is empty.
  std::vector<Bytes> extensions(const std::string& oid) const;

  /// Errors: Untrusted unless `issuer`'s name and key made this certificate.
  Result<void> verify_issued_by(const Certificate& issuer) const;

  struct State;
  const State& state() const { return *state_; }  // for crypto/ and channel/ only

 private:
  explicit Certificate(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// Concatenated PEM certificates; a trailing NUL and white space are accepted, other text is not.
/// Errors: Malformed, also for more than 8 certificates or none.
Result<std::vector<Certificate>> parse_pem_chain(ByteView pem);
/// The same; a certificate with the bytes of one of `known` is not parsed again.
Result<std::vector<Certificate>> parse_pem_chain(ByteView pem,
                                                 const std::vector<Certificate>& known);
std::string encode_pem(const std::vector<Certificate>& chain);

/// A parsed certificate revocation list. *Immutable.*
class RevocationList {
 public:
  /// DER, or PEM, or the hex text that a PCCS serves for the root's list. Errors: Malformed.
  static Result<RevocationList> parse(ByteView bytes);

  Bytes issuer_name() const;
  TimePoint this_update() const;
  std::optional<TimePoint> next_update() const;
  bool lists(const Certificate& certificate) const;
  /// Errors: Untrusted unless `issuer`'s name and key made this list.
  Result<void> verify_issued_by(const Certificate& issuer) const;

 private:
  struct State;
  explicit RevocationList(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// What a new certificate says.
struct CertificateRequest {
  std::string common_name;
  Bytes public_key_info;  ///< DER SubjectPublicKeyInfo.
  Bytes serial;           ///< Big-endian.
  TimePoint not_before;
  TimePoint not_after;
  bool is_ca = false;
  std::optional<std::string> crl_url = {};
  std::vector<std::string> dns_names = {};
  std::vector<std::string> ip_addresses = {};
  struct Extension {
    std::string oid;
    Bytes value;
  };
  std::vector<Extension> extensions = {};  ///< Non-critical.
};

/// Signs with `issuer_key`; self-signed if `issuer` is null.
Certificate issue_certificate(const CertificateRequest& request, const Certificate* issuer,
                              const EcdsaPrivateKey& issuer_key);

/// A DER CRL of `issuer` with these serials revoked.
Bytes issue_revocation_list(const Certificate& issuer, const EcdsaPrivateKey& issuer_key,
                            const std::vector<Bytes>& revoked_serials, TimePoint this_update,
                            TimePoint next_update);

}  // namespace torchkeep::crypto
