#include "torchkeep/channel/internal/session_proof.h"

#include "torchkeep/attest/verify.h"
#include "torchkeep/channel/internal/run_on.h"

namespace torchkeep::channel {

tee::SessionBinding SessionFacts::bind(tee::Role attester, tee::Role peer, Bytes context) const {
  return {.attester = attester,
          .peer = peer,
          .client_spki = client_spki,
          .server_spki = server_spki,
          .client_nonce = client_nonce,
          .server_nonce = server_nonce,
          .exporter = exporter,
          .context = std::move(context)};
}

asio::awaitable<Result<attest::Claims>> verify_session_evidence(const SessionParty& self,
                                                                Bytes evidence,
                                                                tee::ReportData expected) {
  const auto key = attest::find_collateral_key(evidence);
  if (!key) co_return key.error();
  auto collateral = co_await self.collateral->fetch(*key);
  if (!collateral) {
    // A document that is not there may be there later: that is no verdict on the peer.
    Error error = std::move(collateral).error().context("fetching its collateral");
    if (error.code == ErrorCode::NotFound) error.code = ErrorCode::Unavailable;
    co_return error;
  }
  const TimePoint now = self.clock->now();
  auto judging = [&]() -> Result<attest::Claims> {
    const auto verified = self.verdicts->verify(*collateral, self.roots);
    if (!verified) return verified.error();
    return attest::verify_quote(evidence, *verified, now);
  };
  Result<attest::Claims> claims = co_await run_on(self.verifiers, std::move(judging));
  if (!claims) co_return std::move(claims).error();
  if (!equal(claims->report_data(), expected.bytes())) {
    co_return untrusted(
        "it is genuine, but not about this session: it was made for another connection, another "
        "role, another nonce or another context");
  }
  if (self.forward != nullptr) self.forward->observe(claims->collateral_issued());
  co_return std::move(claims).value();
}

Result<std::chrono::seconds> session_lifetime(const SessionParty& self,
                                              const std::optional<attest::Claims>& claims,
                                              TimePoint now) {
  std::chrono::seconds lifetime = self.lifetime;
  if (claims) {
    const auto left = std::chrono::floor<std::chrono::seconds>(claims->collateral_expires() - now);
    lifetime = std::min(lifetime, left);
  }
  if (lifetime < std::chrono::seconds(1)) {
    return unavailable("the collateral behind this session is about to expire");
  }
  return lifetime;
}

bool is_enclave_role(tee::Role role) {
  return role == tee::Role::KeyServer || role == tee::Role::KeyCache || role == tee::Role::Worker;
}

}  // namespace torchkeep::channel
