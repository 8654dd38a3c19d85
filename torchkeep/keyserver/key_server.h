#pragma once

#include <deque>
#include <set>

#include "torchkeep/base/log.h"
#include "torchkeep/base/mutex.h"
#include "torchkeep/keys/messages.h"
#include "torchkeep/keyserver/journal.h"

/// The deciding core of the key server: takes in owners' statements and DEKs, releases a DEK as the
/// owner's policy says. Plain functions, no sockets. The state is what the log says, nothing else.
///
/// Errors explain themselves to whoever may hear them: a refused owner, and the operator's log.
/// What concerns other owners or the store is told to the log alone.
namespace torchkeep::keyserver {

/// What a key server instance is made with; fixed by its genesis.
struct Trust {
  std::vector<Digest256> roots;  ///< SHA-256 of each root key (x || y).
  bool simulated = false;
};

/// *Thread-safe*: one call at a time. Everything handed in outlives it.
class KeyServer {
 public:
  /// Opens the store, or begins a new instance if the store is empty.
  /// Errors: Untrusted, naming what in the store does not hold, or that another machine, build or
  /// trust sealed it; Unavailable (store, platform).
  static Result<std::unique_ptr<KeyServer>> open(keys::KeyStore& store, tee::Platform& platform,
                                                 const Trust& trust, const Clock& clock,
                                                 crypto::Random& random, Log& log);

  const Genesis& genesis() const { return identity_.genesis; }

  /// Takes in a statement of the owner whose session it came over; durable when it returns. The
  /// newest statement again, unchanged, gets the same receipt again.
  /// Errors: Denied (another owner's, out of order, a DEK seen before, simulated against real);
  /// InvalidArgument (DEK missing or not asked for); Malformed; Untrusted (signature, genesis, key
  /// id, a damaged store); Unavailable: submit the same statement again.
  Result<keys::Receipt> submit(const keys::OwnerKey& session_owner,
                               const keys::Submission& submission);

  /// Grants a cache a lease, durably before the DEK leaves. `cache` is what its session evidence
  /// says. Errors: NotFound; Denied, with clause, found, wanted and the way out; Untrusted (a
  /// damaged store); Unavailable.
  Result<keys::Release> release(const attest::Claims& cache, const keys::ReleaseRequest& request);

  /// The owner's models, versions and newest grants. Grammar: docs/formats/key-store.md.
  Result<json::Json> list(const keys::OwnerKey& owner);

 private:
  struct Model {
    keys::ModelChain chain;
    std::uint64_t newest_position = 0;  ///< Of its newest statement.
    std::uint64_t grants = 0;
    std::deque<std::pair<std::uint64_t, LogEntry>> newest_grants;
  };
  /// All that the log says.
  struct State {
    std::map<ModelId, Model> models;
    std::set<keys::OwnerKey> owners;  ///< Who have a KEK.
    std::set<KeyId> key_ids;          ///< Every DEK ever seen, of any owner.
  };

  KeyServer(keys::KeyStore& store, tee::Platform& platform, Identity identity, const Clock& clock,
            crypto::Random& random, Log& log);

  // replay.cpp: the state from the log.
  Result<void> begin(Bytes identity_row) REQUIRES(mutex_);
  Result<void> replay() REQUIRES(mutex_);
  Result<void> replay(State& state, std::uint64_t position, const LogEntry& entry) REQUIRES(mutex_);
  Result<void> replay(State& state, std::uint64_t position, const Stated& stated) REQUIRES(mutex_);
  Result<void> settle() REQUIRES(mutex_);
  static void take_in(State& state, std::uint64_t position, const keys::ModelChain& chain);
  static void take_in(Model& model, std::uint64_t position, const LogEntry& grant);

  // submit.cpp
  Result<keys::Receipt> submit_locked(const keys::OwnerKey& session_owner,
                                      const keys::Submission& submission) REQUIRES(mutex_);
  Result<keys::ModelChain> extend(const Model* model, const keys::SignedStatement& statement) const;
  Result<void> check_policy(const keys::Policy& policy) const;
  Result<void> check_data_key(const keys::ModelChain& chain, const keys::Submission& submission)
      REQUIRES(mutex_);
  Result<std::vector<keys::StoreChange::Row>> rows_for(const keys::ModelChain& chain,
                                                       const keys::Submission& submission)
      REQUIRES(mutex_);

  // release.cpp
  Result<keys::Release> release_locked(const attest::Claims& cache,
                                       const keys::ReleaseRequest& request) REQUIRES(mutex_);
  Result<crypto::DataKey> load_data_key(const Model& model, std::uint64_t version,
                                        const keys::ModelChain::Version& known) REQUIRES(mutex_);

  TimePoint now_in_seconds() const;
  /// What went wrong in our own store or platform is the operator's to read, not a peer's.
  Error for_operator(Error error) const;

  tee::Platform& platform_;
  const Clock& clock_;
  crypto::Random& random_;
  Log& log_;
  const Identity identity_;
  Mutex mutex_;
  Journal journal_ GUARDED_BY(mutex_);
  State state_ GUARDED_BY(mutex_);
  /// The log may say more than `state_` does: nothing is decided before it was read again.
  bool behind_log_ GUARDED_BY(mutex_) = false;
};

}  // namespace torchkeep::keyserver
