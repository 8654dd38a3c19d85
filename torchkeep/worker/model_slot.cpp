#include "torchkeep/worker/model_slot.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace torchkeep::worker {
namespace {

using namespace std::chrono_literals;

/// Who may ask: whoever wants to, or the owner; lists of clients come later.
Result<void> check_client(const keys::ModelChain& chain, const channel::AttestedPeer* client) {
  if (chain.policy().any_client) return {};
  if (client != nullptr && client->owner && equal(client->owner->bytes, chain.owner().bytes))
    return {};
  return denied(
      "its owner's policy names no clients (clause any_client), so only the owner may ask");
}

}  // namespace

std::string_view name_of(SlotState state) {
  switch (state) {
    case SlotState::Loading: return "LOADING";
    case SlotState::Ready: return "READY";
    case SlotState::Stopped: return "UNAVAILABLE";
  }
  return "UNAVAILABLE";
}

ModelSlot::ModelSlot(ModelPlace place, Workbench& bench)
    : place_(std::move(place)), bench_(bench), retry_at_(bench.clock.now()) {}

SlotState ModelSlot::state() const {
  if (engine_ && !lease_->over()) return SlotState::Ready;
  if (ended_ || engine_ || !reason_.empty()) return SlotState::Stopped;
  return SlotState::Loading;
}

std::string ModelSlot::reason() const {
  switch (state()) {
    case SlotState::Loading: return "it is being loaded";
    case SlotState::Ready: return "";
    case SlotState::Stopped: break;
  }
  return reason_.empty() ? "its lease has ended" : reason_;
}

keys::ReleaseRequest ModelSlot::request(bool renewal) const {
  return {.owner = bench_.owner,
          .name = place_.name,
          .version = place_.version,
          .nonce = {},
          .renewal = renewal};
}

void ModelSlot::tick() {
  if (ended_) return;
  const TimePoint now = bench_.clock.now();
  if (key_ && lease_->over()) {
    drop(Stage::Lease, unavailable("its lease has ended"));
  } else if (key_ && !renewing_ && lease_->renewal_due() && now >= renew_not_before_) {
    renewing_ = true;
    asio::co_spawn(bench_.io, renew(), asio::detached);
  } else if (!key_ && !attempt_ && retry_at_ && now >= *retry_at_) {
    attempt_ = std::make_shared<Attempt>();
    asio::co_spawn(bench_.io, start(attempt_), asio::detached);
  }
  wipe_idle();
}

void ModelSlot::wipe_idle() {
  if (!sequences_) return;
  auto idle = sequences_->take_idle();
  if (idle.empty()) return;
  // Much memory takes its time to wipe, which is not the serving thread's.
  bench_.inference.post(
      [idle = std::make_shared<decltype(idle)>(std::move(idle))]() mutable { idle.reset(); });
}

asio::awaitable<void> ModelSlot::start(std::shared_ptr<Attempt> attempt) {
  const auto self = shared_from_this();
  if (attempt->abandoned) co_return;
  auto config = load_model_config(place_.config);
  if (!config) {
    drop(Stage::Config, std::move(config).error());
    co_return;
  }
  config_ = *config;
  const TimePoint asked_at = bench_.clock.now();
  auto key = co_await bench_.keys.acquire(request(false), nullptr);
  if (attempt->abandoned) co_return;
  if (!key) {
    drop(Stage::Key, std::move(key).error().context("asking for its key"));
    co_return;
  }
  key_ = std::make_shared<const keys::ReleasedKey>(std::move(key).value());
  lease_ = std::make_shared<ServingLease>(key_->lease(), asked_at, key_->chain().policy().not_after,
                                          bench_.clock);
  auto loaded = co_await load(attempt);
  // Another life may have begun meanwhile; what was loaded for this one is let go of.
  if (!attempt->abandoned) take_model(std::move(loaded));
}

asio::awaitable<Result<std::shared_ptr<Engine>>> ModelSlot::load(std::shared_ptr<Attempt> attempt) {
  return bench_.loading.run([&loader = bench_.loader, place = place_, config = config_, key = key_,
                             attempt]() -> Result<std::shared_ptr<Engine>> {
    return std::shared_ptr<Engine>(TRY(loader.load(place, config, *key, attempt->abandoned)));
  });
}

void ModelSlot::take_model(Result<std::shared_ptr<Engine>> loaded) {
  if (!loaded) {
    drop(Stage::Container, std::move(loaded).error());
    return;
  }
  attempt_.reset();
  engine_ = std::move(loaded).value();
  sequences_ = std::make_shared<SequenceStore>(config_, bench_.clock, bench_.random);
  reason_.clear();
  failures_ = 0;
  bench_.log.info(
      "serving \"", place_.name, "\" version ", place_.version, ": ", engine_->parameter_bytes(),
      " bytes of parameters, lease of ", key_->lease().seconds, " s",
      key_->lease().requests == 0 ? "" : text(", ", key_->lease().requests, " requests"));
}

asio::awaitable<void> ModelSlot::renew() {
  const auto self = shared_from_this();
  const auto held = key_;  // The DEK outlives the call, even if the slot drops it meanwhile.
  const TimePoint asked_at = bench_.clock.now();
  auto renewed = co_await bench_.keys.acquire(request(true), &held->data_key());
  renewing_ = false;
  if (key_ == held) take_renewal(std::move(renewed), asked_at);
}

void ModelSlot::take_renewal(Result<keys::ReleasedKey> renewed, TimePoint asked_at) {
  if (renewed && renewed->container_digest() != key_->container_digest()) {
    renewed = untrusted("another container digest is signed for this version now");
  }
  if (renewed && engine_ && !engine_->operators().empty()) {
    // The policy that was signed meanwhile may be stricter.
    if (auto allowed = keys::check_operator_mode(renewed->chain().policy()); !allowed)
      renewed = std::move(allowed).error();
  }
  if (renewed) {
    if (renewal_failures_ > 0) bench_.log.info(describe(place_), ": its lease is renewed again");
    renewal_failures_ = 0;
    renew_not_before_ = TimePoint();
    key_ = std::make_shared<const keys::ReleasedKey>(std::move(renewed).value());
    lease_->renew(key_->lease(), asked_at, key_->chain().policy().not_after);
    return;
  }
  Error why = std::move(renewed).error().context("renewing its lease");
  const bool final = why.code == ErrorCode::Denied || why.code == ErrorCode::Untrusted ||
                     why.code == ErrorCode::NotFound;
  if (final || lease_->used_up()) {
    drop(Stage::Lease, std::move(why));
    return;
  }
  // The source is away: the lease still holds for a while. Short leases are asked for more often.
  const Duration pause = std::min<Duration>(lease_->left() / 8, back_off(renewal_failures_));
  renew_not_before_ = bench_.clock.now() + std::max<Duration>(pause, 200ms);
  if (renewal_failures_++ == 0) {
    bench_.log.warning(describe(place_), ": ", torchkeep::name_of(why.code), ": ", why.message,
                       "; its lease ends in ", lease_->left().count() / 1000, " s");
  }
}

void ModelSlot::drop(Stage stage, Error why) {
  const bool served = engine_ != nullptr;
  // Requests that wait for their turn are refused, but not at a peaceful end.
  if (lease_ && stage != Stage::Removed) lease_->end();
  // Weights are wiped behind the request that may be running, away from the serving thread.
  if (engine_) {
    bench_.inference.post(
        [engine = std::move(engine_), sequences = std::move(sequences_)]() mutable {
          sequences.reset();
          engine.reset();
        });
  }
  engine_.reset();
  sequences_.reset();
  lease_.reset();
  key_.reset();
  if (attempt_) attempt_->abandoned = true;
  attempt_.reset();
  renewal_failures_ = 0;
  renew_not_before_ = TimePoint();

  const unsigned failures = failures_++;
  const auto pause = retry_after(stage, why.code, failures);
  retry_at_.reset();
  if (pause) retry_at_ = bench_.clock.now() + *pause;
  reason_ = client_words(stage, why.code);
  if (stage == Stage::Removed) {
    bench_.log.info(describe(place_), ": stopped: ", why.message);
  } else if (served || (failures & (failures + 1)) == 0) {
    // The first word of a trouble, then ever fewer of them.
    bench_.log.error(describe(place_), ": ", served ? "stopped: " : "",
                     torchkeep::name_of(why.code), ": ", why.message,
                     pause ? "" : "; not tried again before its files change");
  }
}

void ModelSlot::replace(ModelPlace place) {
  place_ = std::move(place);
  if (key_ || attempt_ || ended_) return;
  failures_ = 0;
  retry_at_ = bench_.clock.now();
}

void ModelSlot::stop(Error why) {
  ended_ = true;
  if (key_ || attempt_) drop(Stage::Removed, std::move(why));
}

Result<void> ModelSlot::check_served(const channel::AttestedPeer* client) const {
  if (state() != SlotState::Ready) {
    return unavailable("model \"", place_.name, "\" version ", place_.version,
                       " is not served: ", reason());
  }
  return check_client(key_->chain(), client).context(text("model \"", place_.name, "\""));
}

Result<Admission> ModelSlot::admit(const channel::AttestedPeer* client) {
  TRY(check_served(client));
  if (waiting_ >= config_.max_queue) {
    return unavailable("model \"", place_.name, "\": ", waiting_,
                       " requests wait for it already, try again later");
  }
  ++waiting_;
  std::shared_ptr<void> place(nullptr, [self = shared_from_this()](void*) { --self->waiting_; });
  return Admission{engine_, sequences_, lease_, config_.max_request_bytes, std::move(place)};
}

Result<std::shared_ptr<const Engine>> ModelSlot::look(const channel::AttestedPeer* client) const {
  TRY(check_served(client));
  return std::shared_ptr<const Engine>(engine_);
}

}  // namespace torchkeep::worker
