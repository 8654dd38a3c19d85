#pragma once

#include "torchkeep/channel/session.h"
#include "torchkeep/keyserver/key_server.h"

/// The key server on the network: owners' statements and caches' requests in, receipts and leases
/// out.
namespace torchkeep::keyserver {

/// What its sessions prove beside the enclave: genesis and digest of the live configuration, which
/// is SHA-256("torchkeep/keyserver/configuration/v1" || canonical JSON of roots, session length and
/// whether the platform is simulated).
Bytes session_context(const Genesis& genesis, const Trust& trust, std::chrono::seconds session);

/// Answers session attestation, POST /torchkeep/v1/statements and GET /torchkeep/v1/models
/// (owners), POST /torchkeep/v1/release (key caches) and GET /health. Owners are told why they are
/// refused, other peers get the error's code and a request id; the log has the whole story. The
/// store is written on the calling thread: a commit is one small transaction, and no answer may
/// overtake it. *Lives on one strand.*
class KeyService {
 public:
  KeyService(KeyServer& key_server, channel::SessionParty self, Log& log)
      : key_server_(key_server), self_(std::move(self)), log_(log) {}
  channel::asio::awaitable<channel::HttpResponse> answer(const channel::HttpRequest& request,
                                                         channel::Connection& connection);

 private:
  Result<SecretBuffer> serve(const channel::HttpRequest& request,
                             const channel::AttestedPeer* peer);
  KeyServer& key_server_;
  channel::SessionParty self_;
  Log& log_;
};

}  // namespace torchkeep::keyserver
