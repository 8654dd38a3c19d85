#pragma once

#include "torchkeep/channel/session.h"
#include "torchkeep/keycache/key_cache.h"

/// The key cache on the network: requests of attested workers in, requests to the key server out.
namespace torchkeep::keycache {

/// Asks the key server over a session of its own for each release: renewals are rare, and evidence
/// is always fresh. *Lives on one strand.*
class RemoteKeyServer final : public KeyServer {
 public:
  /// `self` has the key cache's role; its references outlive this.
  RemoteKeyServer(channel::Endpoint endpoint, channel::SessionParty self)
      : endpoint_(std::move(endpoint)), self_(std::move(self)) {}
  asio::awaitable<Result<KeyServerAnswer>> release(keys::ReleaseRequest request) override;

 private:
  channel::Endpoint endpoint_;
  channel::SessionParty self_;
};

/// Answers session attestation, POST /torchkeep/v1/release and GET /health. Peers get the error's
/// code and a request id, the log the whole story. *Lives on one strand.*
class CacheService {
 public:
  CacheService(KeyCache& cache, channel::SessionParty self, Log& log)
      : cache_(cache), self_(std::move(self)), log_(log) {}
  asio::awaitable<channel::HttpResponse> answer(const channel::HttpRequest& request,
                                                channel::Connection& connection);

 private:
  asio::awaitable<Result<SecretBuffer>> release(const channel::HttpRequest& request,
                                                const channel::Connection& connection);
  KeyCache& cache_;
  channel::SessionParty self_;
  Log& log_;
};

}  // namespace torchkeep::keycache
