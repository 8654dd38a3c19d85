#pragma once

#include <optional>

#include "torchkeep/base/clock.h"
#include "torchkeep/base/mutex.h"
#include "torchkeep/keys/messages.h"

/// How long a model may still be served: until its lease's time is over, its requests are used up
/// or it is ended from outside. Time counts from before the lease was asked for.
namespace torchkeep::worker {

/// *Thread-safe*: requests are taken where they run, renewals come from the serving thread.
class ServingLease {
 public:
  /// `not_after` is the policy's: no lease lasts longer. `clock` outlives it.
  ServingLease(const keys::Lease& lease, TimePoint asked_at, std::optional<TimePoint> not_after,
               const Clock& clock);

  /// One inference more. Errors: Unavailable, with words that a client may read.
  Result<void> take_request();

  /// The rest of the lease before is void, so that never more than one lease's requests are in
  /// hand.
  void renew(const keys::Lease& lease, TimePoint asked_at, std::optional<TimePoint> not_after);
  void end();

  bool over() const;         ///< By time or from outside.
  bool used_up() const;      ///< By count.
  bool renewal_due() const;  ///< Half of its time or three quarters of its requests are gone.
  Duration left() const;     ///< 0 if it is over.

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  TimePoint until_ GUARDED_BY(mutex_);
  TimePoint renew_at_ GUARDED_BY(mutex_);
  std::uint64_t requests_ GUARDED_BY(mutex_) = 0;  // 0: not limited
  std::uint64_t requests_left_ GUARDED_BY(mutex_) = 0;
};

}  // namespace torchkeep::worker
