#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/attest/claims.h"
#include "torchkeep/attest/collateral.h"
#include "torchkeep/cli/evidence.h"

/// How new each part of a machine is, by Intel's documents. Only of documents whose signatures
/// hold: `find_tcb` is called after a verdict that says so, and gives what the verdict would be if
/// time were waived.
namespace torchkeep::cli {

struct TcbPart {
  attest::TcbStatus status = attest::TcbStatus::Revoked;
  TimePoint date;
  std::vector<std::string> advisories;  ///< Sorted.
};

struct TcbFindings {
  std::optional<attest::TcbStatus> status;  ///< Of the whole; absent below every level.
  std::vector<std::string> advisories;      ///< Of all parts, sorted.
  std::optional<TcbPart> platform;
  std::size_t matched_level = 0;  ///< Counted from the highest.
  std::optional<TcbPart> quoting_enclave;
  std::uint16_t qe_isv_svn = 0;
  std::optional<TcbPart> tdx_module;
  std::string tdx_module_id;  ///< "TDX_01"
  std::vector<attest::TcbShortfall> shortfalls;
  std::uint64_t tcb_evaluation_data_number = 0;  ///< Of the TCB info.
  std::uint64_t qe_evaluation_data_number = 0;   ///< Of the QE identity.
};

/// Nothing if a document or the quote cannot be read.
std::optional<TcbFindings> find_tcb(const SelfDescription& evidence,
                                    const attest::Collateral& collateral);

}  // namespace torchkeep::cli
