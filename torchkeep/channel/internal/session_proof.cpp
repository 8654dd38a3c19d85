#include "torchkeep/channel/internal/session_proof.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/attest/verify.h"

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

namespace {

using Verdict = std::optional<Result<attest::Claims>>;

asio::awaitable<void> judge(CollateralVerdicts& verdicts, const Bytes& evidence,
                            std::shared_ptr<const attest::Collateral> collateral,
                            const std::vector<attest::RootKey>& roots, TimePoint now,
                            Verdict& out) {
  const auto verified = verdicts.verify(std::move(collateral), roots);
  if (verified) {
    out = attest::verify_quote(evidence, *verified, now);
  } else {
    out = verified.error();
  }
  co_return;
}

}  // namespace

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
  Verdict verdict;
  auto judging =
      judge(*self.verdicts, evidence, *collateral, self.roots, self.clock->now(), verdict);
  if (self.verifiers != nullptr) {
    co_await asio::co_spawn(*self.verifiers, std::move(judging), asio::use_awaitable);
  } else {
    co_await std::move(judging);
  }
  Result<attest::Claims> claims = std::move(verdict).value();
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
