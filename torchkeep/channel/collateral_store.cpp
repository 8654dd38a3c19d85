#include "torchkeep/channel/collateral_store.h"

#include <boost/asio/detached.hpp>

#include "torchkeep/channel/collateral_cache.h"
#include "torchkeep/channel/collateral_check.h"
#include "torchkeep/channel/internal/collateral_book.h"
#include "torchkeep/channel/internal/run_on.h"

namespace torchkeep::channel {

using attest::Collateral;
using attest::CollateralKey;
using Answer = CollateralAnswer;

/// *Thread-safe.*
struct CollateralStore::State {
  State(CollateralStoreParts given, const Clock& time, Log& lines)
      : parts(std::move(given)),
        cache(parts.folder),
        clock(time),
        log(lines),
        book(parts.refresh, parts.pccs != nullptr, clock) {}

  const CollateralStoreParts parts;
  const CollateralCache cache;
  const Clock& clock;
  Log& log;
  CollateralBook book;

  std::string name_of_pccs() const { return text("PCCS at ", parts.pccs->address().text()); }
  bool read_disk(const CollateralKey& key);
  Result<std::optional<HeldCollateral>> find_on_disk(const CollateralKey& key) const;
  Result<HeldCollateral> judge(const CollateralKey& key, Collateral collateral) const;
  Answer judge_and_keep(const CollateralKey& key, Collateral collateral, bool anew);
  Answer give_up(const CollateralKey& key, const Error& error, bool anew);

  static asio::awaitable<Answer> fly(std::shared_ptr<State> self, CollateralKey key,
                                     std::shared_ptr<CollateralFlight> flight, bool anew);
  static asio::awaitable<void> fly_behind(std::shared_ptr<State> self, CollateralKey key,
                                          std::shared_ptr<CollateralFlight> flight);
  static asio::awaitable<Answer> ask(std::shared_ptr<State> self, CollateralKey key, bool anew);
  static asio::awaitable<Answer> follow(std::shared_ptr<State> self, CollateralKey key, bool anew);
};

Result<std::optional<HeldCollateral>> CollateralStore::State::find_on_disk(
    const CollateralKey& key) const {
  auto cached = TRY(cache.find(key));
  if (!cached) return std::optional<HeldCollateral>();
  const auto verified = TRY(check_collateral(cached->collateral, key, parts.roots));
  return std::optional(
      HeldCollateral{std::make_shared<const Collateral>(std::move(cached->collateral)),
                     cached->fetched, verified.begins(), verified.expires()});
}

/// True if something was found that may be served.
bool CollateralStore::State::read_disk(const CollateralKey& key) {
  auto found = find_on_disk(key);
  if (!found) {
    log.warning("the cached collateral of ", to_text(key),
                " is dropped: ", found.error().message);
    cache.remove(key);
  }
  const bool any = found && found->has_value();
  book.take_from_disk(key, found ? std::move(*found) : std::nullopt);
  return any;
}

Result<HeldCollateral> CollateralStore::State::judge(const CollateralKey& key,
                                                     Collateral collateral) const {
  const auto verified = TRY(check_collateral(collateral, key, parts.roots));
  const TimePoint now = clock.now();
  TRY(check_dates(verified, now));
  return HeldCollateral{std::make_shared<const Collateral>(std::move(collateral)), now,
                        verified.begins(), verified.expires()};
}

Answer CollateralStore::State::judge_and_keep(const CollateralKey& key, Collateral collateral,
                                              bool anew) {
  auto held = judge(key, std::move(collateral));
  if (!held) {
    return give_up(key,
                   std::move(held).error().context(text("what the ", name_of_pccs(), " serves")),
                   anew);
  }
  if (const auto away_since = book.keep(key, *held)) {
    log.info(name_of_pccs(), " is back; it was away since ", format_rfc3339(*away_since));
  }
  if (!parts.folder.empty()) {
    const auto stored = cache.store({key, held->fetched, *held->collateral});
    if (!stored) log.warning("caching collateral: ", stored.error().message);
  }
  return held->collateral;
}

Answer CollateralStore::State::give_up(const CollateralKey& key, const Error& error, bool anew) {
  std::optional<TimePoint> news;
  Answer answer = book.give_up(key, error, anew, news);
  if (news) {
    log.warning(error.message, "; what we hold of ", to_text(key), " is current until ",
                format_rfc3339(*news));
  }
  return answer;
}

asio::awaitable<Answer> CollateralStore::State::ask(std::shared_ptr<State> self, CollateralKey key,
                                                    bool anew) {
  if (!self->parts.pccs) {
    co_return self->give_up(
        key, not_found("no PCCS is named (--pccs), and none is cached for ", to_text(key)), anew);
  }
  const auto attempts = self->book.is_patient(key, anew) ? PccsClient::Attempts::UntilPatienceEnds
                                                         : PccsClient::Attempts::One;
  auto fetched = co_await self->parts.pccs->fetch(key, attempts);
  if (!fetched) co_return self->give_up(key, fetched.error(), anew);
  auto judging = [&] { return self->judge_and_keep(key, std::move(fetched).value(), anew); };
  co_return co_await run_on(self->parts.workers, std::move(judging));
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
  if (!self->parts.folder.empty() && self->book.wants_disk(key)) {
    auto reading = [&] { return self->read_disk(key); };
    co_await run_on(self->parts.workers, std::move(reading));
  }
  CollateralBook::Plan plan = self->book.plan(key, anew);
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

std::vector<CollateralHealth> CollateralStore::health() const { return state_->book.health(); }

std::string to_text(const CollateralHealth& health, TimePoint now) {
  std::string out =
      text("collateral of ", to_text(health.key), ": fetched ", format_rfc3339(health.fetched),
           ", ", now > health.valid_until ? "EXPIRED at " : "holds until ",
           format_rfc3339(health.valid_until));
  if (!health.away_since) return out;
  return text(out, "; PCCS away since ", format_rfc3339(*health.away_since), ": ", health.fault);
}

}  // namespace torchkeep::channel
