#include "torchkeep/channel/collateral_store.h"

#include <algorithm>
#include <map>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "torchkeep/channel/collateral_cache.h"
#include "torchkeep/channel/collateral_check.h"
#include "torchkeep/channel/internal/flight.h"

namespace torchkeep::channel {
namespace {

using attest::Collateral;
using attest::CollateralKey;
using Answer = Result<std::shared_ptr<const Collateral>>;
using CollateralFlight = Flight<Answer>;
using Refresh = CollateralStoreParts::Refresh;

// Documents hold for a month, but a CRL may name a machine tomorrow.
constexpr std::chrono::hours kRefreshEvery{1};
constexpr std::chrono::seconds kFirstRetry{30};
constexpr std::chrono::minutes kLongestRetry{10};
// Evidence names the platform, so a stranger could fill our memory with platforms.
constexpr std::size_t kMaxPlatforms = 64;

/// Documents that verify.
struct Held {
  std::shared_ptr<const Collateral> collateral;
  TimePoint fetched;
  TimePoint begins;
  TimePoint expires;
  bool current(TimePoint now) const { return begins <= now && now <= expires; }
};

struct Platform {
  bool disk_was_read = false;
  std::optional<Held> held;
  TimePoint due;  ///< When the PCCS is asked again; the beginning of time: at once.
  Duration pause{0};
  std::optional<TimePoint> away_since;
  std::string fault;
  std::weak_ptr<CollateralFlight> flight;
};

/// What one request for collateral comes to.
struct Plan {
  std::shared_ptr<const Collateral> at_once;
  std::shared_ptr<CollateralFlight> flight;
  bool leads = false;
};

}  // namespace

/// *Thread-safe.*
struct CollateralStore::State {
  State(CollateralStoreParts given, const Clock& time, Log& lines)
      : parts(std::move(given)), cache(parts.folder), clock(time), log(lines) {}

  const CollateralStoreParts parts;
  const CollateralCache cache;
  const Clock& clock;
  Log& log;
  mutable Mutex mutex;
  std::map<CollateralKey, Platform> platforms GUARDED_BY(mutex);

  Platform& find(const CollateralKey& key) REQUIRES(mutex);
  void read_disk(const CollateralKey& key, Platform& platform) REQUIRES(mutex);
  Plan plan(const CollateralKey& key, bool anew);
  Result<Held> judge(const CollateralKey& key, Collateral collateral) const;
  Answer keep(const CollateralKey& key, const Held& held);
  Answer give_up(const CollateralKey& key, Error error, bool anew);
  std::string name_of_pccs() const;

  static asio::awaitable<Answer> fly(std::shared_ptr<State> self, CollateralKey key,
                                     std::shared_ptr<CollateralFlight> flight, bool anew);
  static asio::awaitable<void> fly_behind(std::shared_ptr<State> self, CollateralKey key,
                                          std::shared_ptr<CollateralFlight> flight);
  static asio::awaitable<Answer> ask(std::shared_ptr<State> self, CollateralKey key, bool anew);
  static asio::awaitable<Answer> follow(std::shared_ptr<State> self, CollateralKey key, bool anew);
};

std::string CollateralStore::State::name_of_pccs() const {
  return text("PCCS at ", parts.pccs->address().text());
}

// A platform of which nothing is held makes room first: strangers can name many, but fill none.
Platform& CollateralStore::State::find(const CollateralKey& key) {
  const auto found = platforms.find(key);
  if (found != platforms.end()) return found->second;
  if (platforms.size() >= kMaxPlatforms) {
    const auto rank = [](const auto& entry) {
      return std::pair(entry.second.held.has_value(), entry.second.due);
    };
    platforms.erase(std::min_element(
        platforms.begin(), platforms.end(),
        [&](const auto& left, const auto& right) { return rank(left) < rank(right); }));
  }
  return platforms[key];
}

void CollateralStore::State::read_disk(const CollateralKey& key, Platform& platform) {
  if (platform.disk_was_read || parts.folder.empty()) return;
  platform.disk_was_read = true;
  auto cached = cache.find(key);
  Result<void> fault;
  if (!cached) {
    fault = std::move(cached).error();
  } else if (*cached) {
    const auto verified = check_collateral((*cached)->collateral, key, parts.roots);
    if (verified) {
      platform.held = Held{std::make_shared<const Collateral>(std::move((*cached)->collateral)),
                           (*cached)->fetched, verified->begins(), verified->expires()};
      return;
    }
    fault = verified.error();
  }
  if (fault) return;
  log.warning("the cached collateral of ", to_text(key), " is dropped: ", fault.error().message);
  cache.remove(key);
}

Plan CollateralStore::State::plan(const CollateralKey& key, bool anew) {
  const MutexLock lock(mutex);
  Platform& platform = find(key);
  read_disk(key, platform);
  const TimePoint now = clock.now();
  const bool current = platform.held && platform.held->current(now);
  Plan plan;
  if (current && !anew && (now < platform.due || parts.refresh == Refresh::Behind)) {
    plan.at_once = platform.held->collateral;
    if (now < platform.due || !parts.pccs) return plan;
  }
  plan.flight = platform.flight.lock();
  plan.leads = plan.flight == nullptr;
  if (plan.leads) platform.flight = plan.flight = std::make_shared<CollateralFlight>();
  return plan;
}

Result<Held> CollateralStore::State::judge(const CollateralKey& key, Collateral collateral) const {
  const auto verified = TRY(check_collateral(collateral, key, parts.roots));
  const TimePoint now = clock.now();
  TRY(check_dates(verified, now));
  return Held{std::make_shared<const Collateral>(std::move(collateral)), now, verified.begins(),
              verified.expires()};
}

Answer CollateralStore::State::keep(const CollateralKey& key, const Held& held) {
  {
    const MutexLock lock(mutex);
    Platform& platform = find(key);
    platform.disk_was_read = true;
    platform.held = held;
    const auto half_left = std::chrono::duration_cast<Duration>(held.expires - held.fetched) / 2;
    platform.due = held.fetched + std::min<Duration>(kRefreshEvery, half_left);
    platform.pause = Duration(0);
    platform.fault.clear();
    if (platform.away_since) {
      log.info(name_of_pccs(), " is back; it was away since ",
               format_rfc3339(*platform.away_since));
      platform.away_since.reset();
    }
  }
  if (!parts.folder.empty()) {
    const auto stored = cache.store({key, held.fetched, *held.collateral});
    if (!stored) log.warning("caching collateral: ", stored.error().message);
  }
  return held.collateral;
}

Answer CollateralStore::State::give_up(const CollateralKey& key, Error error, bool anew) {
  const MutexLock lock(mutex);
  Platform& platform = find(key);
  const TimePoint now = clock.now();
  platform.pause = std::clamp<Duration>(platform.pause * 2, kFirstRetry, kLongestRetry);
  platform.due = now + platform.pause;
  platform.fault = error.message;
  const bool news = !platform.away_since;
  if (news) platform.away_since = now;
  if (!platform.held) return error;
  const std::string until = format_rfc3339(platform.held->expires);
  if (platform.held->current(now)) {
    if (news && !anew) {
      log.warning(error.message, "; what we hold of ", to_text(key), " is current until ", until);
    }
    if (!anew) return platform.held->collateral;
    return std::move(error).context(text("what is held is current until ", until));
  }
  const std::string since = format_rfc3339(*platform.away_since);
  return std::move(error).context(
      now > platform.held->expires
          ? text("PCCS away since ", since, ", the last collateral expired at ", until)
          : text("what is held begins at ", format_rfc3339(platform.held->begins),
                 ", and the clock says ", format_rfc3339(now)));
}

asio::awaitable<Answer> CollateralStore::State::ask(std::shared_ptr<State> self, CollateralKey key,
                                                    bool anew) {
  if (!self->parts.pccs) {
    co_return self->give_up(
        key, not_found("no PCCS is named (--pccs), and none is cached for ", to_text(key)), anew);
  }
  bool in_need = anew;
  {
    const MutexLock lock(self->mutex);
    const Platform& platform = self->find(key);
    in_need = in_need || !platform.held || !platform.held->current(self->clock.now());
  }
  // Whoever waits has something to fall back on, or nothing.
  const auto attempts = in_need || self->parts.refresh == Refresh::Behind
                            ? PccsClient::Attempts::UntilPatienceEnds
                            : PccsClient::Attempts::One;
  auto fetched = co_await self->parts.pccs->fetch(key, attempts);
  if (!fetched) co_return self->give_up(key, std::move(fetched).error(), anew);
  auto held = self->judge(key, std::move(fetched).value());
  if (held) co_return self->keep(key, *held);
  co_return self->give_up(
      key, std::move(held).error().context(text("what the ", self->name_of_pccs(), " serves")),
      anew);
}

asio::awaitable<Answer> CollateralStore::State::fly(std::shared_ptr<State> self, CollateralKey key,
                                                    std::shared_ptr<CollateralFlight> flight,
                                                    bool anew) {
  const Pilot<Answer> pilot(flight);
  Answer answer = co_await ask(self, key, anew);
  flight->land(answer);
  co_return answer;
}

// Who is handed what is held does not hear of the rest; the log does.
asio::awaitable<void> CollateralStore::State::fly_behind(std::shared_ptr<State> self,
                                                         CollateralKey key,
                                                         std::shared_ptr<CollateralFlight> flight) {
  const Answer ignored = co_await fly(std::move(self), std::move(key), std::move(flight), false);
}

asio::awaitable<Answer> CollateralStore::State::follow(std::shared_ptr<State> self,
                                                       CollateralKey key, bool anew) {
  const auto askable = check_askable(key);
  if (!askable) co_return askable.error();
  Plan plan = self->plan(key, anew);
  if (plan.at_once) {
    if (plan.leads) {
      const auto executor = co_await asio::this_coro::executor;
      asio::co_spawn(executor, fly_behind(self, key, plan.flight), asio::detached);
    }
    co_return plan.at_once;
  }
  if (plan.leads) co_return co_await fly(self, key, plan.flight, anew);
  Answer answer = co_await plan.flight->wait();
  co_return answer;
}

CollateralStore::CollateralStore(CollateralStoreParts parts, const Clock& clock, Log& log)
    : state_(std::make_shared<State>(std::move(parts), clock, log)) {}
CollateralStore::~CollateralStore() = default;

asio::awaitable<Answer> CollateralStore::fetch(CollateralKey key) {
  return State::follow(state_, std::move(key), false);
}

asio::awaitable<Answer> CollateralStore::fetch_anew(CollateralKey key) {
  return State::follow(state_, std::move(key), true);
}

std::vector<CollateralHealth> CollateralStore::health() const {
  std::vector<CollateralHealth> out;
  const MutexLock lock(state_->mutex);
  for (const auto& [key, platform] : state_->platforms) {
    if (!platform.held) continue;
    out.push_back(
        {key, platform.held->fetched, platform.held->expires, platform.away_since, platform.fault});
  }
  return out;
}

std::string to_text(const CollateralHealth& health, TimePoint now) {
  std::string out =
      text("collateral of ", to_text(health.key), ": fetched ", format_rfc3339(health.fetched),
           ", ", now > health.valid_until ? "EXPIRED at " : "holds until ",
           format_rfc3339(health.valid_until));
  if (!health.away_since) return out;
  return text(out, "; PCCS away since ", format_rfc3339(*health.away_since), ": ", health.fault);
}

}  // namespace torchkeep::channel
