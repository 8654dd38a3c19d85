#pragma once

#include <span>

#include "torchkeep/attest/claims.h"
#include "torchkeep/attest/collateral.h"

/// Judging evidence: pure functions of bytes, collateral, roots and a time.
/// Source: Intel SGX ECDSA Quote Library API reference; PCS v4.
namespace torchkeep::attest {

/// Names the collateral that `verify_quote` will want; trusts nothing.
/// Errors: Malformed.
Result<CollateralKey> find_collateral_key(ByteView quote);

/// Verifies an SGX v3 quote in full: PCK chain, CRLs, TCB info, QE identity, QE report, signature.
/// An out-of-date TCB is a claim, not an error; so is a debug enclave.
/// Errors: Malformed; Untrusted, naming the document and why (expired documents too).
Result<Claims> verify_quote(ByteView quote, const Collateral& collateral,
                            std::span<const RootKey> roots, TimePoint now);

}  // namespace torchkeep::attest
