#include "torchkeep/worker/serving_lease.h"

#include <algorithm>

namespace torchkeep::worker {

ServingLease::ServingLease(const keys::Lease& lease, TimePoint asked_at,
                           std::optional<TimePoint> not_after, const Clock& clock)
    : clock_(clock) {
  renew(lease, asked_at, not_after);
}

void ServingLease::renew(const keys::Lease& lease, TimePoint asked_at,
                         std::optional<TimePoint> not_after) {
  // Far above any lease that a policy can name, far below what a time can hold.
  constexpr std::uint64_t kMostSeconds = 2'592'000;
  const std::chrono::seconds length(std::min(lease.seconds, kMostSeconds));
  MutexLock lock(mutex_);
  until_ = asked_at + length;
  if (not_after) until_ = std::min(until_, *not_after);
  renew_at_ = asked_at + (until_ - asked_at) / 2;
  requests_ = requests_left_ = lease.requests;
}

Result<void> ServingLease::take_request() {
  const TimePoint now = clock_.now();
  MutexLock lock(mutex_);
  if (now >= until_) return unavailable("its lease has ended");
  if (requests_ == 0) return {};
  if (requests_left_ == 0) return unavailable("its lease is used up, another is being asked for");
  --requests_left_;
  return {};
}

void ServingLease::end() {
  MutexLock lock(mutex_);
  until_ = TimePoint();
}

bool ServingLease::over() const { return left() == Duration::zero(); }

bool ServingLease::used_up() const {
  MutexLock lock(mutex_);
  return requests_ != 0 && requests_left_ == 0;
}

bool ServingLease::renewal_due() const {
  const TimePoint now = clock_.now();
  MutexLock lock(mutex_);
  return now >= renew_at_ || (requests_ != 0 && requests_left_ <= requests_ / 4);
}

Duration ServingLease::left() const {
  const TimePoint now = clock_.now();
  MutexLock lock(mutex_);
  return now >= until_ ? Duration::zero() : until_ - now;
}

}  // namespace torchkeep::worker
