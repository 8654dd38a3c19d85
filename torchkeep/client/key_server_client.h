#pragma once

#include "torchkeep/channel/session.h"
#include "torchkeep/keys/messages.h"

/// The asking side of a key server: an owner's statements, a cache's releases.
namespace torchkeep::client {

namespace asio = boost::asio;

/// One attested session with a key server. *Lives on one strand*; one call at a time.
/// The key server's claims are verified; whether they are good enough is the policy's business, so
/// no DEK goes out before `appraise` has passed.
class KeyServerClient {
 public:
  /// Connects and attests both ways; `self` is an owner or a key cache, and its references outlive
  /// this client. `pinned` is the genesis that the owner pinned, if the caller knows it.
  /// Errors: Unavailable (nobody there); Untrusted if evidence does not hold, or if the genesis is
  /// another than the pinned one, naming both.
  static asio::awaitable<Result<std::unique_ptr<KeyServerClient>>> connect(
      channel::Endpoint endpoint, channel::SessionParty self, std::optional<Genesis> pinned);

  /// What `connect` does once the session stands.
  static Result<std::unique_ptr<KeyServerClient>> open(std::unique_ptr<channel::HttpClient> http,
                                                       channel::AttestedPeer peer,
                                                       std::optional<Genesis> pinned,
                                                       const Clock& clock);

  const channel::AttestedPeer& peer() const { return peer_; }
  const Genesis& genesis() const { return genesis_; }

  /// Holds the key server against an owner's policy (clause `keyservers`). Errors: Denied.
  Result<void> appraise(const keys::Policy& policy);

  /// Hands in a statement; done when the receipt is here.
  /// Errors: InvalidArgument if a DEK would go out before `appraise` passed; Untrusted if the receipt
  /// is for another statement; the key server's own refusal. Unavailable leaves open whether the
  /// statement arrived: submit the same one again.
  asio::awaitable<Result<keys::Receipt>> submit(keys::Submission submission);

  /// The owner's models as the key server sees them.
  asio::awaitable<Result<json::Json>> list();

  /// Asks for a DEK or a renewal. The answer is parsed, not judged: `keys::open_release` does that.
  asio::awaitable<Result<keys::Release>> release(keys::ReleaseRequest request);

 private:
  KeyServerClient(std::unique_ptr<channel::HttpClient> http, channel::AttestedPeer peer,
                  Genesis genesis, const Clock& clock)
      : http_(std::move(http)), peer_(std::move(peer)), genesis_(genesis), clock_(clock) {}
  asio::awaitable<Result<SecretBuffer>> ask(std::string method, std::string target,
                                            SecretBuffer body);
  std::unique_ptr<channel::HttpClient> http_;
  channel::AttestedPeer peer_;
  Genesis genesis_;
  const Clock& clock_;
  bool appraised_ = false;
};

}  // namespace torchkeep::client
