#pragma once

#include <optional>
#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/base/file.h"

namespace torchkeep::channel {

/// One platform family's collateral, and when it came.
struct CachedCollateral {
  attest::CollateralKey key;
  TimePoint fetched;
  attest::Collateral collateral;
};

/// Collateral on a disk that nobody needs to trust: one file for each family of platforms, written
/// whole or not at all. Its digest tells damage, not malice: whoever reads, verifies the documents
/// as if they had come over the network. Grammar: docs/formats/collateral.md. *Thread-safe,
/// immutable.*
class CollateralCache {
 public:
  /// `folder` is made when something is stored.
  explicit CollateralCache(Path folder) : folder_(std::move(folder)) {}

  const Path& folder() const { return folder_; }
  /// Errors: Malformed if the file is damaged or another platform's; Unavailable.
  Result<std::optional<CachedCollateral>> find(const attest::CollateralKey& key) const;
  /// Forgets the oldest beyond 64. Errors: Unavailable.
  Result<void> store(const CachedCollateral& cached) const;
  /// A damaged file is of no use to anybody.
  void remove(const attest::CollateralKey& key) const;
  /// Which platforms there are files of, in order; empty without a folder. Errors: Unavailable.
  Result<std::vector<attest::CollateralKey>> list() const;

 private:
  Path file_of(const attest::CollateralKey& key) const;
  Path folder_;
};

/// Encoding and decoding of one file. Errors: Malformed.
std::string encode(const CachedCollateral& cached);
Result<CachedCollateral> decode_cached_collateral(std::string_view file);

}  // namespace torchkeep::channel
