#pragma once

#include <string>
#include <vector>

#include "torchkeep/attest/claims.h"
#include "torchkeep/json/document.h"

/// What Intel says of one security version: its status, its date, and the advisories it is open to.
namespace torchkeep::attest {

/// A level of a quoting enclave or of a TDX module: what its ISVSVN means.
struct EnclaveTcbLevel {
  std::uint16_t isv_svn = 0;
  TcbVerdict verdict;

  bool operator==(const EnclaveTcbLevel&) const = default;
};

/// Takes `tcbDate`, `tcbStatus` and `advisoryIDs`. Errors: Malformed.
Result<TcbVerdict> take_tcb_verdict(const json::FieldReader& reader);
/// Takes `tcbLevels` of an enclave, highest ISVSVN first, and not empty. Their statuses are
/// UpToDate, OutOfDate or Revoked. Errors: Malformed.
Result<std::vector<EnclaveTcbLevel>> take_enclave_tcb_levels(const json::FieldReader& reader);
/// The highest level that `isv_svn` reaches; null if it is below all.
const EnclaveTcbLevel* find_level(const std::vector<EnclaveTcbLevel>& levels,
                                  std::uint16_t isv_svn);

/// The status of a whole of which another part has this status: an old quoting enclave or TDX
/// module makes a platform out of date, a revoked one revokes it.
/// Source: FORMAT "Convergence"; Intel's Quote Verification Library.
TcbStatus converge(TcbStatus platform, TcbStatus part);

}  // namespace torchkeep::attest
