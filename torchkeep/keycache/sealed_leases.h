#pragma once

#include <map>

#include "torchkeep/base/file.h"
#include "torchkeep/base/log.h"
#include "torchkeep/keycache/lease.h"
#include "torchkeep/tee/platform.h"

/// Leases on an untrusted disk, so that a restart needs no new DEK: one file each, sealed to this
/// enclave on this machine. Grammar: docs/formats/cache-lease.md.
/// The host may delete a file or bring an old one back. An old one still ends when it always would
/// have, and it releases nothing before the key server has been asked again, unless the owner's
/// policy allows `offline_restart`.
namespace torchkeep::keycache {

/// *Not thread-safe.*
class SealedLeases {
 public:
  /// `platform` and `log` outlive it. The folder is made at the first `store`.
  SealedLeases(Path folder, tee::Platform& platform, Log& log)
      : folder_(std::move(folder)), platform_(platform), log_(log) {}

  /// Errors: Unavailable (disk, platform).
  Result<void> store(const LeaseId& id, const HeldLease& lease);
  /// A file that is not there is no error. Errors: Unavailable.
  Result<void> remove(const LeaseId& id);

  /// Every lease that opens. Files that were edited, renamed or sealed elsewhere are ignored and
  /// named in the log; leases that are over at `now` are removed.
  std::map<LeaseId, HeldLease> load(TimePoint now);

 private:
  Path path_of(const LeaseId& id) const;
  Path folder_;
  tee::Platform& platform_;
  Log& log_;
};

}  // namespace torchkeep::keycache
