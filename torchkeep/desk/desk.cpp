#include "torchkeep/desk/desk.h"

#include "torchkeep/attest/verify.h"

#include "torchkeep/channel/tls.h"

namespace torchkeep::desk {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};

channel::CollateralStoreParts store_parts(const Verifier& verifier) {
  channel::CollateralStoreParts parts;
  parts.pccs =
      make_pccs_client(verifier).value();  // whoever made `verifier` has seen that it can be
  parts.roots = verifier.roots;
  parts.folder = verifier.collateral_cache;
  parts.refresh = channel::CollateralStoreParts::Refresh::First;
  return parts;
}

}  // namespace

Desk::Desk(const Verifier& verifier, GoOn go_on)
    : collateral_(store_parts(verifier), clock_, log_),
      roots_(verifier.roots),
      go_on_(std::move(go_on)) {}

channel::SessionParty Desk::party(tee::Role role) {
  return {.role = role,
          .platform = nullptr,
          .context = {},
          .collateral = &collateral_,
          .roots = roots_,
          .clock = &clock_,
          .random = &random_};
}

channel::SessionParty Desk::owner_party(const crypto::Ed25519PrivateKey& key) {
  channel::SessionParty self = party(tee::Role::Owner);
  self.owner_key = &key;
  return self;
}

channel::SessionParty Desk::client_party() { return party(tee::Role::Client); }

Result<channel::AttestedPeer> look_at(Desk& desk, const channel::Endpoint& endpoint,
                                      tee::Role role) {
  const auto tls = TRY(channel::TlsClientContext::create());
  const auto connection =
      TRY(desk.wait(channel::HttpClient::connect(endpoint, tls, kConnectTimeout)));
  auto peer = TRY(desk.wait(channel::attest_session(desk.client_party(), role, *connection)));
  if (!peer.claims) {
    return untrusted("the peer at ", endpoint.text(), " shows no evidence of an enclave");
  }
  return peer;
}

Result<attest::Claims> look_at_certificate(Desk& desk, const channel::Endpoint& endpoint,
                                           channel::RaTlsEvidence accepted) {
  const auto tls = TRY(channel::TlsClientContext::create());
  const auto connection =
      TRY(desk.wait(channel::HttpClient::connect(endpoint, tls, kConnectTimeout)));
  const auto& certificate = connection->tls()->peer_certificate;
  if (!certificate) return not_found("the peer at ", endpoint.text(), " shows no certificate");
  const Bytes quote =
      TRY(channel::parse_ra_tls_evidence(*certificate, accepted).context("its certificate"));
  const auto key = TRY(attest::find_collateral_key(quote).context("its certificate"));
  const auto collateral = TRY(desk.wait(desk.collateral().fetch(key)));
  return channel::verify_ra_tls_certificate(*certificate, *collateral, desk.roots(),
                                            desk.clock().now(), accepted)
      .context("its certificate");
}

}  // namespace torchkeep::desk
