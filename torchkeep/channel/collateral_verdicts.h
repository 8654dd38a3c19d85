#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "torchkeep/attest/verified_collateral.h"
#include "torchkeep/base/mutex.h"

namespace torchkeep::channel {

/// Remembers which collateral was verified under which roots, so that a session with a known
/// machine costs two P-256 verifications instead of some thirty. It remembers successes alone, and
/// no dates: those are judged with each quote. *Thread-safe.*
class CollateralVerdicts {
 public:
  /// Errors: as `VerifiedCollateral::verify`.
  Result<attest::VerifiedCollateral> verify(std::shared_ptr<const attest::Collateral> collateral,
                                            std::span<const attest::RootKey> roots);

 private:
  struct Entry {
    std::shared_ptr<const attest::Collateral> collateral;
    std::vector<attest::RootKey> roots;
    attest::VerifiedCollateral verified;
  };
  static constexpr std::size_t kMostEntries = 16;

  Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);  // the latest last
};

}  // namespace torchkeep::channel
