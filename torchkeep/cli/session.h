#pragma once

#include <memory>

#include "torchkeep/base/log.h"
#include "torchkeep/channel/collateral_store.h"
#include "torchkeep/channel/roots.h"
#include "torchkeep/channel/session.h"
#include "torchkeep/cli/await.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/cli/verifier.h"
#include "torchkeep/client/key_server_client.h"
#include "torchkeep/client/owner.h"

/// What a command that goes over the network has at hand.
namespace torchkeep::cli {

namespace asio = boost::asio;

/// --owner-folder, or the usual one.
Result<Path> owner_folder(const Invocation& invocation);

/// *Lives on the main thread.* Sessions opened with it must not outlive it.
class Desk {
 public:
  explicit Desk(const Verifier& verifier);

  const Clock& clock() const { return clock_; }
  crypto::Random& random() { return random_; }

  /// As the owner, who proves to hold `key`.
  channel::SessionParty owner_party(const crypto::Ed25519PrivateKey& key);
  /// As somebody without a proof of their own.
  channel::SessionParty client_party();

  channel::CollateralStore& collateral() { return collateral_; }

  template <typename T>
  Result<T> wait(asio::awaitable<Result<T>> work) {
    return await_result(io_, std::move(work));
  }

 private:
  channel::SessionParty party(tee::Role role);
  asio::io_context io_;
  SystemClock clock_;
  crypto::SystemRandom random_;
  StderrLog log_{"torchkeep"};
  channel::CollateralStore collateral_;
  std::vector<attest::RootKey> roots_;
};

}  // namespace torchkeep::cli
