#include "torchkeep/attest/reason.h"

#include "torchkeep/base/check.h"

namespace torchkeep::attest {

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::Malformed: return "malformed";
    case Reason::UnsupportedCertDataType: return "unsupported_cert_data_type";
    case Reason::UntrustedChain: return "untrusted_chain";
    case Reason::CrlIssuerMismatch: return "crl_issuer_mismatch";
    case Reason::CrlBadSignature: return "crl_bad_signature";
    case Reason::CertificateRevoked: return "certificate_revoked";
    case Reason::TcbInfoBadSignature: return "tcb_info_bad_signature";
    case Reason::QeIdentityBadSignature: return "qe_identity_bad_signature";
    case Reason::TcbInfoMismatch: return "tcb_info_mismatch";
    case Reason::TdxModuleMismatch: return "tdx_module_mismatch";
    case Reason::BadQeReportSignature: return "bad_qe_report_signature";
    case Reason::QeReportDataMismatch: return "qe_report_data_mismatch";
    case Reason::QeIdentityMismatch: return "qe_identity_mismatch";
    case Reason::BadQuoteSignature: return "bad_quote_signature";
    case Reason::TcbMismatch: return "tcb_mismatch";
    case Reason::ChipIdMismatch: return "chip_id_mismatch";
    case Reason::TcbNotSupported: return "tcb_not_supported";
    case Reason::TcbRevoked: return "tcb_revoked";
    case Reason::NotYetValid: return "not_yet_valid";
    case Reason::Expired: return "expired";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

}  // namespace torchkeep::attest
