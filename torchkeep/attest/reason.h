#pragma once

#include <string_view>

/// Why evidence was rejected, as one word a program can act on; the error beside it tells people.
namespace torchkeep::attest {

/// In the order of the checks.
enum class Reason {
  Malformed,
  UnsupportedCertDataType,  ///< The quote does not hold its PCK chain, and nobody else gave it.
  UntrustedChain,           ///< Names, signatures, CA rules, or a root that is not accepted.
  CrlIssuerMismatch,
  CrlBadSignature,
  CertificateRevoked,
  TcbInfoBadSignature,
  QeIdentityBadSignature,
  TcbInfoMismatch,  ///< Genuine, but of another machine family or technology.
  TdxModuleMismatch,
  BadQeReportSignature,
  QeReportDataMismatch,
  QeIdentityMismatch,
  BadQuoteSignature,
  TcbMismatch,      ///< Of SEV-SNP: the leaf was issued for another TCB than the report's.
  ChipIdMismatch,   ///< Of SEV-SNP: the leaf was issued to another chip.
  TcbNotSupported,  ///< Below every TCB level.
  TcbRevoked,
  NotYetValid,
  Expired,
};
/// "bad_quote_signature"
std::string_view name_of(Reason reason);

}  // namespace torchkeep::attest
