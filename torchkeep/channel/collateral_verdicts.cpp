#include "torchkeep/channel/collateral_verdicts.h"

#include <algorithm>

#include "torchkeep/channel/internal/collateral_fields.h"

namespace torchkeep::channel {

Result<attest::VerifiedCollateral> CollateralVerdicts::verify(
    std::shared_ptr<const attest::Collateral> collateral, std::span<const attest::RootKey> roots) {
  {
    const MutexLock lock(mutex_);
    const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
      return std::ranges::equal(entry.roots, roots) && same(*entry.collateral, *collateral);
    });
    if (found != entries_.end()) return found->verified;
  }
  // Others go on meanwhile; two who verify the same at one moment come to the same.
  auto verified = TRY(attest::VerifiedCollateral::verify(*collateral, roots));
  const MutexLock lock(mutex_);
  if (entries_.size() == kMostEntries) entries_.erase(entries_.begin());
  entries_.push_back(
      {std::move(collateral), std::vector<attest::RootKey>(roots.begin(), roots.end()), verified});
  return verified;
}

}  // namespace torchkeep::channel
