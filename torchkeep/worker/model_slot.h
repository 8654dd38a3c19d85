#pragma once

#include <boost/asio/io_context.hpp>

#include "torchkeep/base/log.h"
#include "torchkeep/channel/session.h"
#include "torchkeep/client/key_source.h"
#include "torchkeep/worker/compute_thread.h"
#include "torchkeep/worker/engine.h"
#include "torchkeep/worker/sequence_store.h"
#include "torchkeep/worker/serving_lease.h"
#include "torchkeep/worker/stop_reason.h"

/// The life of one version of one model: asks for its key, loads it, renews its lease ahead of its
/// end, drops weights and key when the lease is over or refused, and begins anew where that may
/// help.
namespace torchkeep::worker {

/// What all slots work with; everything outlives them. `loading` and `inference` are two threads,
/// so that a large model that comes does not hold up those that are served.
struct Workbench {
  keys::OwnerKey owner;
  client::KeySource& keys;
  ModelLoader& loader;
  ComputeThread& loading;
  ComputeThread& inference;
  asio::io_context& io;
  const Clock& clock;
  Log& log;
  crypto::Random& random;
};

enum class SlotState { Loading, Ready, Stopped };
/// As the repository extension of the protocol spells it: LOADING, READY, UNAVAILABLE.
std::string_view name_of(SlotState state);

/// One request's way in. Engine and sequences are to be used, and let go of, on the inference
/// thread.
struct Admission {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<SequenceStore> sequences;
  std::shared_ptr<ServingLease> lease;  ///< One request is to be taken when it is about to run.
  std::uint64_t max_request_bytes = 0;
  std::shared_ptr<void> queue_place;  ///< Held until the answer is there.
};

/// *Lives on one strand*, the serving thread.
class ModelSlot : public std::enable_shared_from_this<ModelSlot> {
 public:
  ModelSlot(ModelPlace place, Workbench& bench);

  /// Does what is due by the clock. To be called several times a second, and after each request.
  void tick();
  /// Its files changed: tries at once, unless the model is served, whose version is settled.
  void replace(ModelPlace place);
  /// Ends it for good; running requests are answered.
  void stop(Error why);

  const ModelPlace& place() const { return place_; }
  SlotState state() const;
  /// Why it is not served, in words that anybody may read; empty if it is.
  std::string reason() const;

  /// Lets one request in. `client` is null if it did not prove who it is.
  /// Errors: Unavailable if the model is not served or too many requests wait; Denied if the
  /// owner's policy does not let this client ask.
  Result<Admission> admit(const channel::AttestedPeer* client);
  /// Inputs and outputs, for those who may ask. Errors: as `admit`.
  Result<std::shared_ptr<const Engine>> look(const channel::AttestedPeer* client) const;

 private:
  struct Attempt {
    std::atomic<bool> abandoned{false};
  };

  asio::awaitable<void> start(std::shared_ptr<Attempt> attempt);
  asio::awaitable<Result<std::shared_ptr<Engine>>> load(std::shared_ptr<Attempt> attempt);
  void take_model(Result<std::shared_ptr<Engine>> loaded);
  asio::awaitable<void> renew();
  void wipe_idle();
  void take_renewal(Result<keys::ReleasedKey> renewed, TimePoint asked_at);
  void drop(Stage stage, Error why);
  keys::ReleaseRequest request(bool renewal) const;
  Result<void> check_served(const channel::AttestedPeer* client) const;

  ModelPlace place_;
  Workbench& bench_;
  ModelConfig config_;
  std::shared_ptr<Attempt> attempt_;  // while key or container is on its way
  std::shared_ptr<const keys::ReleasedKey> key_;
  std::shared_ptr<ServingLease> lease_;  // with key_
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<SequenceStore> sequences_;  // with engine_
  std::size_t waiting_ = 0;

  bool renewing_ = false;
  unsigned renewal_failures_ = 0;
  TimePoint renew_not_before_;

  bool ended_ = false;
  std::string reason_;  // of the last stop; empty before the first verdict
  unsigned failures_ = 0;
  std::optional<TimePoint> retry_at_;  // none: only when the files change
};

}  // namespace torchkeep::worker
