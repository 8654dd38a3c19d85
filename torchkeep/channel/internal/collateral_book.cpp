#include "torchkeep/channel/internal/collateral_book.h"

#include <algorithm>

#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

// Documents hold for a month, but a CRL may name a machine tomorrow.
constexpr std::chrono::hours kRefreshEvery{1};
constexpr std::chrono::seconds kFirstRetry{30};
constexpr std::chrono::minutes kLongestRetry{10};
// Evidence names the platform, so a stranger could fill our memory with platforms.
constexpr std::size_t kMaxPlatforms = 64;

}  // namespace

// A platform of which nothing is held makes room first: strangers can name many, but fill none.
CollateralBook::Platform& CollateralBook::find(const attest::CollateralKey& key) {
  const auto found = platforms_.find(key);
  if (found != platforms_.end()) return found->second;
  if (platforms_.size() >= kMaxPlatforms) {
    const auto rank = [](const auto& entry) {
      return std::pair(entry.second.held.has_value(), entry.second.due);
    };
    platforms_.erase(std::min_element(
        platforms_.begin(), platforms_.end(),
        [&](const auto& left, const auto& right) { return rank(left) < rank(right); }));
  }
  return platforms_[key];
}

bool CollateralBook::refreshes_behind(const Platform& platform) const {
  return refresh_ == CollateralStoreParts::Refresh::Behind && !platform.from_disk;
}

CollateralBook::Plan CollateralBook::plan(const attest::CollateralKey& key, bool anew) {
  const MutexLock lock(mutex_);
  Platform& platform = find(key);
  const TimePoint now = clock_.now();
  const bool current = platform.held && platform.held->current(now);
  Plan plan;
  if (current && !anew && (now < platform.due || !has_pccs_ || refreshes_behind(platform))) {
    plan.at_once = platform.held->collateral;
    if (now < platform.due || !has_pccs_) return plan;
  }
  plan.flight = platform.flight.lock();
  plan.leads = plan.flight == nullptr;
  if (plan.leads) platform.flight = plan.flight = std::make_shared<CollateralFlight>();
  return plan;
}

bool CollateralBook::wants_disk(const attest::CollateralKey& key) {
  const MutexLock lock(mutex_);
  return !find(key).disk_was_read;
}

void CollateralBook::take_from_disk(const attest::CollateralKey& key,
                                    std::optional<HeldCollateral> found) {
  const MutexLock lock(mutex_);
  Platform& platform = find(key);
  platform.disk_was_read = true;
  if (platform.held) return;  // what the PCCS gave is newer
  platform.from_disk = found.has_value();
  platform.held = std::move(found);
}

bool CollateralBook::is_patient(const attest::CollateralKey& key, bool anew) {
  const MutexLock lock(mutex_);
  const Platform& platform = find(key);
  return anew || !platform.held || !platform.held->current(clock_.now()) ||
         refreshes_behind(platform);
}

std::optional<TimePoint> CollateralBook::keep(const attest::CollateralKey& key,
                                              const HeldCollateral& held) {
  const MutexLock lock(mutex_);
  Platform& platform = find(key);
  platform.disk_was_read = true;
  platform.held = held;
  platform.from_disk = false;
  const auto half_left = std::chrono::duration_cast<Duration>(held.expires - held.fetched) / 2;
  platform.due = held.fetched + std::min<Duration>(kRefreshEvery, half_left);
  platform.pause = Duration(0);
  platform.fault.clear();
  return std::exchange(platform.away_since, std::nullopt);
}

CollateralAnswer CollateralBook::give_up(const attest::CollateralKey& key, Error error, bool anew,
                                         std::optional<TimePoint>& news) {
  const MutexLock lock(mutex_);
  Platform& platform = find(key);
  const TimePoint now = clock_.now();
  platform.pause = std::clamp<Duration>(platform.pause * 2, kFirstRetry, kLongestRetry);
  platform.due = now + platform.pause;
  platform.fault = error.message;
  const bool was_there = !platform.away_since;
  if (was_there) platform.away_since = now;
  if (!platform.held) return error;
  const HeldCollateral& held = *platform.held;
  if (held.current(now)) {
    if (!anew) {
      if (was_there) news = held.expires;
      return held.collateral;
    }
    return std::move(error).context(
        text("what is held is current until ", format_rfc3339(held.expires)));
  }
  return std::move(error).context(
      now > held.expires ? text("PCCS away since ", format_rfc3339(*platform.away_since),
                                ", the last collateral expired at ", format_rfc3339(held.expires))
                         : text("what is held begins at ", format_rfc3339(held.begins),
                                ", and the clock says ", format_rfc3339(now)));
}

std::vector<CollateralHealth> CollateralBook::health() const {
  std::vector<CollateralHealth> out;
  const MutexLock lock(mutex_);
  for (const auto& [key, platform] : platforms_) {
    if (!platform.held) continue;
    out.push_back(
        {key, platform.held->fetched, platform.held->expires, platform.away_since, platform.fault});
  }
  return out;
}

}  // namespace torchkeep::channel
