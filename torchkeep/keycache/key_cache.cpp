#include "torchkeep/keycache/key_cache.h"

#include <algorithm>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace torchkeep::keycache {
namespace {

/// A key server may add statements, never take back or replace one: it would undo a revocation.
Result<void> check_extends(const keys::ModelChain& before, const keys::ModelChain& now) {
  const auto& old = before.statements();
  const auto& fresh = now.statements();
  const bool extends =
      fresh.size() >= old.size() &&
      std::equal(old.begin(), old.end(), fresh.begin(), [](const auto& left, const auto& right) {
        return keys::hash_of(left) == keys::hash_of(right);
      });
  if (!extends) {
    return untrusted("the key server shows ", fresh.size(), " statements that do not continue the ",
                     old.size(), " seen before");
  }
  return {};
}

}  // namespace

/// One request to the key server, for all who wait for its outcome.
struct KeyCache::Flight {
  explicit Flight(const asio::any_io_executor& executor)
      : landed(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer landed;  // never expires; cancelled when there is an outcome
  std::optional<Result<void>> outcome;
};

/// Ends a flight however its coroutine ends, so that nobody waits for one that was torn down.
class KeyCache::Landing {
 public:
  Landing(std::shared_ptr<Flights> flights, const LeaseId& id)
      : flights_(std::move(flights)), id_(id), flight_(flights_->at(id)) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  ~Landing() {
    if (!flight_->outcome) flight_->outcome = unavailable("asking the key server was broken off");
    flights_->erase(id_);
    flight_->landed.cancel();
  }

 private:
  std::shared_ptr<Flights> flights_;
  LeaseId id_;
  std::shared_ptr<Flight> flight_;
};

KeyCache::KeyCache(KeyServer& key_server, SealedLeases& sealed, const Clock& clock,
                   crypto::Random& random, Log& log)
    : key_server_(key_server),
      sealed_(sealed),
      clock_(clock),
      random_(random),
      log_(log),
      leases_(sealed.load(clock.now())),
      flights_(std::make_shared<Flights>()) {
  if (!leases_.empty()) log_.info(leases_.size(), " sealed leases found, waiting to be renewed");
}

HeldLease* KeyCache::find(const LeaseId& id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : &found->second;
}

void KeyCache::wipe(const LeaseId& id, std::string_view why) {
  if (const auto removed = sealed_.remove(id); !removed) log_.error(removed.error().message);
  if (leases_.erase(id) == 0) return;
  log_.info("key of model ", id.model.hex(), " version ", id.version, " wiped: ", why);
}

void KeyCache::expire() {
  std::vector<LeaseId> over;
  for (auto& [id, lease] : leases_) {
    if (lease.over(lease.observe(clock_.now()))) over.push_back(id);
  }
  for (const LeaseId& id : over) wipe(id, "its lease is over");
}

asio::awaitable<Result<keys::Release>> KeyCache::release(attest::Claims worker,
                                                         keys::OwnerKey worker_owner,
                                                         keys::ReleaseRequest request) {
  const auto named = keys::check_model_name(request.name);
  if (!named) co_return named.error();
  if (worker_owner != request.owner) {
    co_return denied("this worker serves owner ", keys::hex(worker_owner),
                     ", it asked for a model of ", keys::hex(request.owner));
  }
  if (!nonces_.use(request.nonce)) co_return denied("this nonce was used before");

  const LeaseId id{keys::model_id(request.owner, request.name), request.version};
  HeldLease* lease = find(id);
  if (lease != nullptr && lease->over(lease->observe(clock_.now()))) {
    wipe(id, "its lease is over");
    lease = nullptr;
  }
  if (lease == nullptr || lease->renewal_due(lease->observe(clock_.now()))) {
    auto contacted = co_await contact(id, request);
    lease = find(id);  // it may be gone, or be another
    if (!contacted) {
      const bool away = contacted.error().code == ErrorCode::Unavailable;
      if (!away || lease == nullptr || !lease->usable_offline(lease->observe(clock_.now()))) {
        co_return std::move(contacted).error().context(text("model \"", request.name, "\""));
      }
      log_.warning("releasing \"", request.name,
                   "\" without the key server: ", contacted.error().message);
    }
  }
  co_return grant(id, worker, request).context(text("model \"", request.name, "\""));
}

asio::awaitable<Result<void>> KeyCache::contact(LeaseId id, keys::ReleaseRequest request) {
  if (const auto running = flights_->find(id); running != flights_->end()) {
    const std::shared_ptr<Flight> flight = running->second;
    boost::system::error_code cancelled;
    while (!flight->outcome) {
      co_await flight->landed.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    co_return *flight->outcome;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto flight = std::make_shared<Flight>(executor);
  flights_->emplace(id, flight);
  const Landing landing(flights_, id);
  auto fetched = co_await fetch(id, std::move(request));
  flight->outcome = fetched;
  co_return fetched;
}

asio::awaitable<Result<void>> KeyCache::fetch(LeaseId id, keys::ReleaseRequest request) {
  request.nonce = random_.array<32>();
  request.renewal = find(id) != nullptr;
  const TimePoint asked_at = clock_.now();
  auto answer = co_await key_server_.release(request);
  if (!answer) {
    const ErrorCode code = answer.error().code;
    if (code == ErrorCode::Denied || code == ErrorCode::NotFound) {
      wipe(id, text("the key server says ", name_of(code)));
    }
    co_return std::move(answer).error().context("asking the key server");
  }
  co_return take_in(id, request, std::move(answer).value(), asked_at);
}

Result<void> KeyCache::take_in(const LeaseId& id, const keys::ReleaseRequest& asked,
                               KeyServerAnswer answer, TimePoint asked_at) {
  const HeldLease* before = find(id);
  if (asked.renewal && before == nullptr) {
    return unavailable("the lease ended while it was being renewed: ask again");
  }
  const crypto::DataKey* held = asked.renewal ? &before->key().data_key() : nullptr;
  auto opened = keys::open_release(std::move(answer.release), asked, answer.genesis, held);
  if (!opened) {
    // Denied: the owner's own signed statements say so, whoever showed them to us.
    if (opened.error().code == ErrorCode::Denied) wipe(id, opened.error().message);
    return std::move(opened).error().context("the key server's answer");
  }
  TRY(keys::appraise_holder(opened->chain().policy(), keys::HolderRole::KeyServer, answer.claims,
                            clock_.now())
          .context("appraising the key server"));
  if (before != nullptr) TRY(check_extends(before->key().chain(), opened->chain()));

  HeldLease lease(std::move(opened).value(), asked_at);
  if (const auto stored = sealed_.store(id, lease); !stored) {
    log_.warning("a restart will need a new key: ", stored.error().message);
  }
  log_.info(asked.renewal ? "renewed" : "leased", " the key of \"", asked.name, "\" version ",
            id.version, " from the key server, until ", format_rfc3339(lease.times().end));
  leases_.insert_or_assign(id, std::move(lease));
  return {};
}

Result<keys::Release> KeyCache::grant(const LeaseId& id, const attest::Claims& worker,
                                      const keys::ReleaseRequest& request) {
  HeldLease* lease = find(id);
  if (lease == nullptr) return unavailable("the lease has just ended: ask again");
  const TimePoint now = lease->observe(clock_.now());
  const keys::ModelChain& chain = lease->key().chain();
  TRY(keys::appraise_holder(chain.policy(), keys::HolderRole::Worker, worker, now)
          .context("appraising the worker"));
  const std::uint64_t seconds = lease->grantable_seconds(now);
  if (seconds == 0) return unavailable("less than a second of the lease is left: ask again");

  keys::Release release;
  release.lease.id = random_.array<16>();
  release.lease.nonce = request.nonce;
  release.lease.seconds = seconds;
  release.lease.log_position = lease->key().lease().log_position;
  if (lease->counts_requests()) {
    release.lease.requests = lease->take_requests();
    // Concurrent requests may have waited for one renewal; the first took them all.
    if (release.lease.requests == 0) return unavailable("no requests are left: ask again");
    // On disk before they leave: a restart must not hand them out again.
    TRY(sealed_.store(id, *lease).context("storing a counted lease"));
  }
  release.statements = chain.statements();
  if (!request.renewal) release.data_key = lease->key().data_key().clone();
  log_.info(request.renewal ? "renewed" : "released", " the key of \"", request.name, "\" version ",
            id.version, " for worker ", to_text(worker.attested()), ", ", seconds, " s");
  return release;
}

}  // namespace torchkeep::keycache
