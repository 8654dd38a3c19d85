#pragma once

#include "torchkeep/attest/report.h"
#include "torchkeep/attest/tcb_level.h"

/// QE identity: which enclave of Intel's may sign quotes. Parsing trusts nothing; the signature is
/// over `signed_bytes`.
/// Source: Intel PCS API v4, "Get Quoting Enclave Identity"; version 2.
namespace torchkeep::attest {

enum class QeKind { Qe, TdQe };         ///< For SGX quotes, for TDX quotes.
std::string_view name_of(QeKind kind);  ///< As the document spells it: "QE", "TD_QE".

struct QeIdentity {
  Bytes signed_bytes;
  ByteArray<64> signature{};
  QeKind kind = QeKind::Qe;
  TimePoint issue_date;
  TimePoint next_update;
  std::uint64_t tcb_evaluation_data_number = 0;
  std::uint32_t misc_select = 0;
  std::uint32_t misc_select_mask = 0;
  ByteArray<16> attributes{};
  ByteArray<16> attributes_mask{};
  Digest256 mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::vector<EnclaveTcbLevel> levels;  ///< Highest ISVSVN first, never empty.
};

/// Unknown fields inside are passed over, since Intel adds some. Errors: Malformed, with the field.
Result<QeIdentity> parse_qe_identity(ByteView document);

/// Whether `report` is of the enclave that `identity` describes; says nothing of its ISVSVN.
/// A quoting enclave in debug mode never is: whoever debugs it has its key.
/// Errors: Untrusted, with the field, what was found and what was wanted.
Result<void> check_qe_report(const SgxReport& report, const QeIdentity& identity);

}  // namespace torchkeep::attest
