#pragma once

#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/reason.h"
#include "torchkeep/attest/report.h"
#include "torchkeep/attest/tcb_info.h"

/// How new a platform, its quoting enclave and its TDX module are, by what Intel says of them.
/// Source: Intel PCS API v4, "Get TCB Info", "Determining Platform TCB Status"; FORMAT section 3.
namespace torchkeep::attest {

/// What of `machine` (and of `td`, for a trust domain) is below `level`; empty if the level fits.
std::vector<TcbShortfall> find_shortfalls(const PckExtension& machine, const TdReport* td,
                                          const TcbLevel& level, const TcbInfo& info);

/// The highest level that fits.
/// Errors: Untrusted if none does, naming what is short of the level that comes closest.
Result<const TcbLevel*> find_platform_level(const PckExtension& machine, const TdReport* td,
                                            const TcbInfo& info);

/// The entry for the module of this version (the second byte of TEE_TCB_SVN); null if there is
/// none.
const TdxModule* find_tdx_module(const TcbInfo& info, std::uint8_t version);
/// Errors: Untrusted unless the module under `td` is one that `info` describes.
Result<void> check_tdx_module(const TdReport& td, const TcbInfo& info);

/// "TCB component 1 (BIOS): found 3, wanted at least 4; PCESVN: found 11, wanted at least 13"
std::string to_text(const std::vector<TcbShortfall>& shortfalls);

/// The levels that were found, and what they mean together.
struct TcbJudgement {
  TcbStatus status = TcbStatus::Revoked;
  const TcbLevel* platform = nullptr;
  const EnclaveTcbLevel* qe = nullptr;
  const EnclaveTcbLevel* tdx_module = nullptr;  ///< Of TDX 1.5 only.
  std::vector<TcbShortfall> shortfalls;         ///< Against the highest levels.
};

/// Pointers are into `info` and `identity`. `td` is null for an enclave.
/// Errors: Untrusted for what is below every level, or revoked; `why` tells which.
Result<TcbJudgement> judge_tcb(const PckExtension& machine, const SgxReport& qe_report,
                               const TdReport* td, const TcbInfo& info, const QeIdentity& identity,
                               Reason& why);

}  // namespace torchkeep::attest
