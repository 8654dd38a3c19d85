#pragma once

#include "torchkeep/base/log.h"
#include "torchkeep/channel/collateral_store.h"
#include "torchkeep/channel/ra_tls.h"
#include "torchkeep/channel/session.h"
#include "torchkeep/desk/await.h"
#include "torchkeep/desk/verifier.h"

/// What an owner or a client has at hand when something goes over the network.
namespace torchkeep::desk {

namespace asio = boost::asio;

/// *Lives on one thread.* Sessions opened with it must not outlive it.
class Desk {
 public:
  /// `go_on` is asked while something is awaited; see await.h.
  explicit Desk(const Verifier& verifier, GoOn go_on = {});

  const Clock& clock() const { return clock_; }
  crypto::Random& random() { return random_; }

  /// As the owner, who proves to hold `key`.
  channel::SessionParty owner_party(const crypto::Ed25519PrivateKey& key);
  /// As somebody without a proof of their own.
  channel::SessionParty client_party();

  channel::CollateralStore& collateral() { return collateral_; }
  const std::vector<attest::RootKey>& roots() const { return roots_; }

  template <typename T>
  Result<T> wait(asio::awaitable<Result<T>> work) {
    return await_result(io_, std::move(work), go_on_);
  }

 private:
  channel::SessionParty party(tee::Role role);
  asio::io_context io_;
  SystemClock clock_;
  crypto::SystemRandom random_;
  StderrLog log_{"torchkeep"};
  channel::CollateralStore collateral_;
  std::vector<attest::RootKey> roots_;
  GoOn go_on_;
};

/// Who is at the other end, by evidence over a session of its own. Verified, not appraised.
/// Errors: Unavailable; Untrusted if it shows no evidence that holds, or has another role.
Result<channel::AttestedPeer> look_at(Desk& desk, const channel::Endpoint& endpoint,
                                      tee::Role role);

/// The same by the evidence in its TLS certificate alone, for programs other than ours: no role is
/// proven, and nothing about this very connection but that it holds the certificate's key.
/// Errors: as `look_at`; NotFound if the certificate carries no evidence.
Result<attest::Claims> look_at_certificate(Desk& desk, const channel::Endpoint& endpoint,
                                           channel::RaTlsEvidence accepted);

}  // namespace torchkeep::desk
