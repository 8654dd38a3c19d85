#include "torchkeep/channel/internal/session_messages.h"
#include "torchkeep/channel/internal/session_proof.h"
#include "torchkeep/channel/session.h"

namespace torchkeep::channel {
namespace {

HttpRequest post(std::string_view path, const std::string& body) {
  HttpRequest request{.method = "POST",
                      .target = std::string(path),
                      .headers = {{"content-type", "application/json"}},
                      .body = {}};
  append(request.body, as_bytes(body));
  return request;
}

// The peer tells us little, so we say where more is to be read.
Error to_error(const HttpResponse& response) {
  const auto refusal = parse_session_refusal(as_text(response.body));
  if (!refusal) {
    return untrusted("the peer answers with status ", response.status,
                     " and does not speak our session protocol");
  }
  return Error{refusal->code, text("the peer refused with ", name_of(refusal->code),
                                   "; its log says why under request ", refusal->request)};
}

asio::awaitable<Result<HttpResponse>> ask(HttpClient& client, std::string_view path,
                                          std::string body) {
  auto response = co_await client.send(post(path, body));
  if (!response) co_return std::move(response).error();
  if (response->status != 200) co_return to_error(*response);
  co_return std::move(response).value();
}

Result<SessionProof> make_proof(const SessionParty& self, tee::Role peer,
                                const SessionFacts& facts) {
  if (self.role == tee::Role::Owner) {
    if (self.owner_key == nullptr) return invalid_argument("an owner needs its key");
    const crypto::Ed25519PublicKey& owner = self.owner_key->public_key();
    const auto binding = facts.bind(self.role, peer, to_bytes(owner.bytes));
    return SessionProof(OwnerProof{owner, self.owner_key->sign(owner_message(binding))});
  }
  if (self.platform == nullptr) {
    if (is_enclave_role(self.role)) return invalid_argument("this role needs a platform");
    return SessionProof(NoProof{});
  }
  const auto binding = facts.bind(self.role, peer, self.context);
  Bytes evidence = TRY(self.platform->make_evidence(tee::ReportData::for_session(binding))
                           .context("making our evidence"));
  return SessionProof(EvidenceProof{self.context, std::move(evidence)});
}

Result<void> check_offer(const SessionOffer& offer, tee::Role expected, const SessionFacts& facts) {
  if (offer.role != expected) {
    return untrusted("the peer is a ", name_of(offer.role), ", wanted is a ", name_of(expected));
  }
  if (offer.nonce == facts.client_nonce) return untrusted("the peer sends our own nonce back");
  return {};
}

}  // namespace

asio::awaitable<Result<AttestedPeer>> attest_session(const SessionParty& self, tee::Role expected,
                                                     HttpClient& client) {
  const TlsFacts* const tls = client.tls();
  if (tls == nullptr) co_return invalid_argument("a session is attested over TLS only");
  if (self.role == expected) co_return invalid_argument("a session with our own role");
  SessionFacts facts{.client_spki = tls->own_spki,
                     .server_spki = tls->peer_spki,
                     .exporter = tls->exporter,
                     .client_nonce = self.random->array<32>(),
                     .server_nonce = {}};

  const SessionHello hello{self.role, facts.client_nonce};
  auto opened = co_await ask(client, kHelloPath, encode(hello));
  if (!opened) co_return std::move(opened).error().context("opening a session");
  auto offer = parse_session_offer(as_text(opened->body));
  if (!offer) co_return std::move(offer).error().context("session offer");
  const auto fits = check_offer(*offer, expected, facts);
  if (!fits) co_return fits.error();
  facts.server_nonce = offer->nonce;
  const auto binding = facts.bind(expected, self.role, offer->context);
  auto claims = co_await verify_session_evidence(self, std::move(offer->evidence),
                                                 tee::ReportData::for_session(binding));
  if (!claims) {
    co_return std::move(claims).error().context(text("evidence of the ", name_of(expected)));
  }

  auto proof = make_proof(self, expected, facts);
  if (!proof) co_return std::move(proof).error();
  auto proved = co_await ask(client, kProvePath, encode(*proof));
  if (!proved) co_return std::move(proved).error().context("proving ourselves");
  auto grant = parse_session_grant(as_text(proved->body));
  if (!grant) co_return std::move(grant).error().context("session grant");

  AttestedPeer peer{
      expected, std::move(claims).value(), std::nullopt, std::move(offer->context), {}};
  const TimePoint now = self.clock->now();
  const auto lifetime = session_lifetime(self, peer.claims, now);
  if (!lifetime) co_return lifetime.error();
  // Not beyond what the server grants, which may ask for less but never for more.
  const auto granted = static_cast<std::chrono::seconds::rep>(
      std::min(grant->seconds, static_cast<std::uint64_t>(lifetime->count())));
  peer.until = now + std::chrono::seconds(granted);
  co_return peer;
}

}  // namespace torchkeep::channel
