#pragma once

#include <memory>

#include "torchkeep/keycache/key_server.h"
#include "torchkeep/keycache/nonce_memory.h"
#include "torchkeep/keycache/sealed_leases.h"

/// Released keys near the workers: fetched on demand, leased on, wiped when their time is over or
/// their owner revokes them. The owner's policy is judged here again, for key server and worker.
namespace torchkeep::keycache {

/// *Lives on one strand.* Everything handed in outlives it. It outlives its running calls, but not
/// those that are torn down, unresumed, with their event loop.
class KeyCache {
 public:
  KeyCache(KeyServer& key_server, SealedLeases& sealed, const Clock& clock, crypto::Random& random,
           Log& log);

  /// Grants a worker the lease it asks for; the answer carries the DEK unless it is a renewal.
  /// `worker` and `worker_owner` are what the worker's session evidence says of it.
  /// Goes to the key server if `HeldLease::renewal_due`, once for all who wait for the same
  /// version. A grant never lasts longer than the cache's own lease. The log tells each lease and
  /// each grant. Errors: Denied (another owner's worker, a nonce used before, the policy, a
  /// revocation); Untrusted if the key server's answer does not hold; NotFound; Unavailable if the
  /// key server is away and the policy's grace is over.
  asio::awaitable<Result<keys::Release>> release(attest::Claims worker, keys::OwnerKey worker_owner,
                                                 keys::ReleaseRequest request);

  /// Wipes the leases that are over, in memory and on disk. To be called every few seconds.
  void expire();

  std::size_t held() const { return leases_.size(); }

 private:
  struct Flight;
  using Flights = std::map<LeaseId, std::shared_ptr<Flight>>;
  class Landing;
  asio::awaitable<Result<void>> contact(LeaseId id, keys::ReleaseRequest request);
  asio::awaitable<Result<void>> fetch(LeaseId id, keys::ReleaseRequest request);
  Result<void> take_in(const LeaseId& id, const keys::ReleaseRequest& asked, KeyServerAnswer answer,
                       TimePoint asked_at);
  Result<keys::Release> grant(const LeaseId& id, const attest::Claims& worker,
                              const keys::ReleaseRequest& request);
  HeldLease* find(const LeaseId& id);
  void wipe(const LeaseId& id, std::string_view why);

  KeyServer& key_server_;
  SealedLeases& sealed_;
  const Clock& clock_;
  crypto::Random& random_;
  Log& log_;
  NonceMemory nonces_;
  std::map<LeaseId, HeldLease> leases_;
  // Shared with the flights: one that is torn down with its event loop may outlast the cache.
  std::shared_ptr<Flights> flights_;
};

}  // namespace torchkeep::keycache
