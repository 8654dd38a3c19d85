#pragma once

#include "torchkeep/channel/session.h"
#include "torchkeep/keys/messages.h"

/// Where a worker has its keys from.
namespace torchkeep::client {

namespace asio = boost::asio;

/// *Lives on one strand.*
class KeySource {
 public:
  virtual ~KeySource() = default;
  /// Acquires one version's DEK, or renews its lease if `request.renewal`; `held` is the DEK in hand
  /// then, and outlives the call. The source makes the nonce itself: the request's is not used.
  /// Count the lease from before the call.
  /// Errors: Untrusted, Denied, NotFound: stop using the key; Unavailable: ask again later, but no
  /// longer than the lease lasts.
  virtual asio::awaitable<Result<keys::ReleasedKey>> acquire(keys::ReleaseRequest request,
                                                             const crypto::DataKey* held) = 0;
};

/// Judges what a cache answered: chain, owner, model, version, nonce, key id, then the cache itself
/// by the policy that came with it. Errors: Untrusted; Denied.
Result<keys::ReleasedKey> judge_cache_release(keys::Release release,
                                              const keys::ReleaseRequest& request,
                                              const channel::AttestedPeer& cache,
                                              const crypto::DataKey* held, TimePoint now);

/// Asks a key cache, with a session of its own for each call: renewals are rare, and evidence is
/// always fresh.
class CacheKeySource final : public KeySource {
 public:
  /// `self` is a worker, its context the one owner it serves; its references outlive this source.
  CacheKeySource(channel::Endpoint cache, channel::SessionParty self)
      : cache_(std::move(cache)), self_(std::move(self)) {}
  asio::awaitable<Result<keys::ReleasedKey>> acquire(keys::ReleaseRequest request,
                                                     const crypto::DataKey* held) override;

 private:
  channel::Endpoint cache_;
  channel::SessionParty self_;
};

}  // namespace torchkeep::client
