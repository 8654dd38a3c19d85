#pragma once

#include <boost/asio/thread_pool.hpp>

#include "torchkeep/attest/claims.h"
#include "torchkeep/channel/collateral_source.h"
#include "torchkeep/channel/collateral_verdicts.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/crypto/ed25519.h"
#include "torchkeep/tee/platform.h"

/// Session attestation (DESIGN 4.2): inside an established TLS connection both sides prove what
/// they are by evidence over this very session. Two requests:
///   POST /torchkeep/v1/session/hello  {"protocol":1,"role":R,"nonce":hex}
///     -> {"role":R,"nonce":hex,"context":hex,"evidence":base64}
///   POST /torchkeep/v1/session/prove  {"context":hex,"evidence":base64}       (enclaves)
///                                  or {"owner":hex,"signature":hex}           (owners)
///                                  or {}                                      (plain clients)
///     -> {"seconds":N}
/// Byte for byte: docs/formats/session.md.
namespace torchkeep::channel {

/// The other end of a session, as far as it has proved itself. *Immutable.*
struct AttestedPeer {
  tee::Role role;
  std::optional<attest::Claims> claims;           ///< Of an enclave.
  std::optional<crypto::Ed25519PublicKey> owner;  ///< Of an owner.
  Bytes context;    ///< As bound by its evidence; see tee::SessionBinding::context.
  TimePoint until;  ///< Attest anew after this.
};

/// What a party needs to prove itself and to judge others. The references outlive every session.
struct SessionParty {
  tee::Role role;
  tee::Platform* platform;  ///< Null for owners and plain clients.
  Bytes context;            ///< Stated in our evidence.
  CollateralSource* collateral;
  std::vector<attest::RootKey> roots;
  const Clock* clock;
  crypto::Random* random;
  const crypto::Ed25519PrivateKey* owner_key = nullptr;  ///< For the owner role.
  std::chrono::seconds lifetime{3600};
  /// What was verified already; copies of a party share it, whatever their roots are.
  std::shared_ptr<CollateralVerdicts> verdicts = std::make_shared<CollateralVerdicts>();
  /// Where evidence is verified, so that other sessions go on meanwhile; null: where the session
  /// itself runs. It ends before the event loop does.
  asio::thread_pool* verifiers = nullptr;
  ForwardClock* forward = nullptr;  ///< Raised by the date of each collateral that was verified.
};

/// The server's half: answers the two requests above and keeps the peer in `connection.state`.
/// Null if `request` is none of the two. Errors become answers with a code and a request id; the
/// log gets the rest. A second hello on the same connection attests it anew.
asio::awaitable<std::optional<HttpResponse>> answer_session(const SessionParty& self,
                                                            const HttpRequest& request,
                                                            Connection& connection, Log& log);
/// The attested peer of this connection, or null if it has not proved itself or its time is over.
std::shared_ptr<const AttestedPeer> find_peer(const Connection& connection, TimePoint now);

/// The client's half. `expected` is the server's role. Claims are verified, not yet appraised: the
/// caller appraises `peer` before it sends anything of value. Call it again to attest anew.
/// Errors: InvalidArgument without TLS or for our own role; Untrusted if the peer is not
/// `expected`, or its evidence does not hold or is not about this session; Malformed; Unavailable
/// (peer, platform or collateral away); and with the peer's own code if it refuses our proof.
asio::awaitable<Result<AttestedPeer>> attest_session(const SessionParty& self, tee::Role expected,
                                                     HttpClient& client);

}  // namespace torchkeep::channel
