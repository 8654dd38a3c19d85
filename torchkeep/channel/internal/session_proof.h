#pragma once

#include "torchkeep/channel/internal/session_messages.h"
#include "torchkeep/channel/session.h"

namespace torchkeep::channel {

/// What both sides of one attestation know of it; the rest of a binding is who attests.
struct SessionFacts {
  Bytes client_spki;
  Bytes server_spki;
  ByteArray<32> exporter{};
  SessionNonce client_nonce{};
  SessionNonce server_nonce{};

  tee::SessionBinding bind(tee::Role attester, tee::Role peer, Bytes context) const;
};

/// Verifies `evidence` in full, and that it was made over `expected`; tells the forward clock.
/// `self` outlives the call. Errors: Malformed; Untrusted; Unavailable (no collateral).
asio::awaitable<Result<attest::Claims>> verify_session_evidence(const SessionParty& self,
                                                                Bytes evidence,
                                                                tee::ReportData expected);

/// How long a session may last: our own limit, and no longer than what vouches for the claims.
/// Errors: Unavailable if that ends within a second.
Result<std::chrono::seconds> session_lifetime(const SessionParty& self,
                                              const std::optional<attest::Claims>& claims,
                                              TimePoint now);

/// True for roles that only an enclave can have.
bool is_enclave_role(tee::Role role);

}  // namespace torchkeep::channel
