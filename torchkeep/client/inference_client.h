#pragma once

#include "torchkeep/channel/session.h"
#include "torchkeep/client/infer_message.h"
#include "torchkeep/keys/policy.h"

/// Asking a worker, after it has proved to be one of those that the model's owner lists.
namespace torchkeep::client {

namespace asio = boost::asio;

/// What a client must know beforehand: whose model it wants, and what that owner asks of workers.
struct WorkerExpectation {
  crypto::Ed25519PublicKey owner;
  keys::Policy policy;
};

/// Judges an attested worker. Errors: Untrusted if it is no worker or serves another owner's
/// models; Denied by clause `workers`.
Result<void> judge_worker(const channel::AttestedPeer& worker, const WorkerExpectation& expected,
                          TimePoint now);

/// One attested session with a worker. *Lives on one strand*; one call at a time.
class InferenceClient {
 public:
  /// `self` is a plain client or an owner; its references outlive this client.
  /// Errors: Unavailable; Untrusted, Denied: nothing was sent then but the session's own messages.
  static asio::awaitable<Result<std::unique_ptr<InferenceClient>>> connect(
      channel::Endpoint endpoint, channel::SessionParty self, WorkerExpectation expected);
  /// What `connect` does once the session stands.
  static Result<std::unique_ptr<InferenceClient>> open(std::unique_ptr<channel::HttpClient> http,
                                                       channel::AttestedPeer peer,
                                                       const WorkerExpectation& expected,
                                                       const Clock& clock);

  const channel::AttestedPeer& peer() const { return peer_; }

  /// Errors: InvalidArgument; Unavailable if the session is over (connect anew) or broke;
  /// Malformed.
  asio::awaitable<Result<InferAnswer>> infer(std::string model, std::uint64_t version,
                                             std::vector<Tensor> inputs, Callee callee = {});
  /// What the worker serves under that name; version 0 is the highest. Errors: as `infer`.
  asio::awaitable<Result<ModelDescription>> describe(std::string model, std::uint64_t version);

 private:
  asio::awaitable<Result<channel::HttpResponse>> ask(channel::HttpRequest request);
  InferenceClient(std::unique_ptr<channel::HttpClient> http, channel::AttestedPeer peer,
                  const Clock& clock)
      : http_(std::move(http)), peer_(std::move(peer)), clock_(clock) {}
  std::unique_ptr<channel::HttpClient> http_;
  channel::AttestedPeer peer_;
  const Clock& clock_;
};

}  // namespace torchkeep::client
