#include "torchkeep/keycache/lease.h"

#include <algorithm>
#include <utility>

namespace torchkeep::keycache {
namespace {

// Policies say at most 30 days, key servers any number: cut before it becomes a time.
std::chrono::seconds lease_length(const keys::ReleasedKey& key) {
  const std::uint64_t seconds = std::min(key.lease().seconds, key.chain().policy().lease_seconds);
  constexpr std::uint64_t kMost = 2'592'000;
  return std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, kMost)));
}

}  // namespace

HeldLease::HeldLease(keys::ReleasedKey key, TimePoint asked_at)
    : key_(std::move(key)), on_line_(true) {
  // The newest statement is in the answer, so the answer is not older than that statement.
  times_.contact = std::max(asked_at, key_.chain().newest_time());
  times_.host_is_slow_by = times_.contact - asked_at;
  times_.end = times_.contact + lease_length(key_);
  if (const auto& last = key_.chain().policy().not_after) times_.end = std::min(times_.end, *last);
  times_.newest = times_.contact;
  times_.requests_left = key_.lease().requests;
}

HeldLease HeldLease::restored(keys::ReleasedKey key, const Times& times) {
  return HeldLease(std::move(key), times, false);
}

TimePoint HeldLease::observe(TimePoint host_now) {
  times_.newest = std::max(times_.newest, host_now + times_.host_is_slow_by);
  return times_.newest;
}

bool HeldLease::second_half(TimePoint now) const {
  return now - times_.contact >= (times_.end - times_.contact) / 2;
}

bool HeldLease::renewal_due(TimePoint now) const {
  const bool spent = counts_requests() && times_.requests_left == 0;
  return !on_line_ || over(now) || second_half(now) || spent;
}

bool HeldLease::usable_offline(TimePoint now) const {
  const keys::Policy& policy = key_.chain().policy();
  if (over(now) || (counts_requests() && times_.requests_left == 0)) return false;
  if (!on_line_ && !policy.offline_restart) return false;
  if (!second_half(now)) return true;
  // Compared as a span since the contact: the sum could be past the end of time.
  const auto away = std::chrono::floor<std::chrono::seconds>(now - times_.contact).count();
  return static_cast<std::uint64_t>(away) < policy.offline_grace_seconds;
}

std::uint64_t HeldLease::grantable_seconds(TimePoint now) const {
  if (over(now)) return 0;
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::seconds>(times_.end - now).count());
}

std::uint64_t HeldLease::take_requests() { return std::exchange(times_.requests_left, 0); }

}  // namespace torchkeep::keycache
