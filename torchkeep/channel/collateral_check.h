#pragma once

#include <span>

#include "torchkeep/attest/verified_collateral.h"

namespace torchkeep::channel {

/// Judges documents from a PCCS, a disk or a folder before they are kept as those of `key`: they
/// verify under `roots`, and are about this very family of platforms. Dates are not judged.
/// Errors: Malformed; Untrusted, naming the document and why.
Result<attest::VerifiedCollateral> check_collateral(const attest::Collateral& collateral,
                                                    const attest::CollateralKey& key,
                                                    std::span<const attest::RootKey> roots);

/// Which platforms a collateral is about, as it says itself. Errors: Malformed.
Result<attest::CollateralKey> find_key_of(const attest::Collateral& collateral);

/// Errors: Untrusted unless all documents are current at `now`, saying what to look at: a wrong
/// clock and stale documents look alike from here.
Result<void> check_dates(const attest::VerifiedCollateral& collateral, TimePoint now);

/// "sgx 00606a000000 platform", for people.
std::string to_text(const attest::CollateralKey& key);

}  // namespace torchkeep::channel
