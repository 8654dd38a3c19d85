#pragma once

#include <span>

#include "torchkeep/attest/claims.h"
#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/reason.h"
#include "torchkeep/attest/verified_collateral.h"

/// Judging evidence: pure functions of bytes, collateral, roots and a time.
/// Source: Intel SGX ECDSA Quote Library API reference; PCS v4.
namespace torchkeep::attest {

/// Names the collateral that `verify_quote` will want; trusts nothing.
/// Errors: Malformed.
Result<CollateralKey> find_collateral_key(ByteView quote);

/// What kind of evidence these bytes are, by their first ones; trusts nothing.
/// Errors: Malformed if they are neither a quote nor an SEV-SNP report.
Result<TeeType> find_tee(ByteView evidence);

/// Verifies a quote of an SGX enclave or a TDX trust domain in full: PCK chain, CRLs, TCB info, QE
/// identity, QE report, signature. An out-of-date TCB is a claim, not an error; so is debug mode.
/// A revoked TCB is an error.
/// Errors: Malformed; Untrusted, naming the document and why (expired documents too), or that it is
/// an SEV-SNP report, which no policy can name.
Result<Claims> verify_quote(ByteView quote, const Collateral& collateral,
                            std::span<const RootKey> roots, TimePoint now);
/// The same, with collateral that was verified before: two P-256 verifications, and one more the
/// first time that it meets a machine.
Result<Claims> verify_quote(ByteView quote, const VerifiedCollateral& collateral, TimePoint now);

/// A verdict with all that was found, for tools that explain evidence.
struct Judgement {
  Result<Claims> claims;
  std::optional<Reason> reason = {};  ///< Why there are no claims.

  // What can be said beside a rejection. Nobody vouches for it: it must decide nothing.
  std::optional<Attested> attested = {};  ///< As the evidence has it; absent if that is malformed.
  ByteArray<64> report_data = {};         ///< Zero if `attested` is absent.
  /// What the TCB would be said to be, where nothing but the time is wrong.
  std::optional<TcbStatus> tcb_status = {};
  std::vector<std::string> advisories = {};
  std::vector<std::string> platform_advisories = {};
  /// When all documents are current; absent before all of Intel's chains and documents were
  /// verified, and before all of AMD's certificates were read.
  std::optional<TimePoint> window_start = {};
  std::optional<TimePoint> window_end = {};
};
Judgement judge_quote(ByteView quote, const Collateral& collateral, std::span<const RootKey> roots,
                      TimePoint now, RootCaCrl root_ca_crl = RootCaCrl::Wanted);

}  // namespace torchkeep::attest
