#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/internal/session_messages.h"
#include "torchkeep/channel/internal/session_proof.h"
#include "torchkeep/channel/session.h"

namespace torchkeep::channel {
namespace {

/// A hello that waits for its proof.
struct Opened {
  tee::Role peer;
  SessionFacts facts;
};

/// What `Connection::state` points to once a session was opened.
struct SessionState {
  std::optional<Opened> opened;
  std::shared_ptr<const AttestedPeer> peer;
};

SessionState& state_of(Connection& connection) {
  if (!connection.state) connection.state = std::make_shared<SessionState>();
  return *static_cast<SessionState*>(connection.state.get());
}

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::Malformed: return 400;
    case ErrorCode::Untrusted:
    case ErrorCode::Denied: return 403;
    case ErrorCode::NotFound: return 404;
    case ErrorCode::Unavailable: return 503;
    case ErrorCode::Internal: return 500;
  }
  return 500;
}

Result<std::string> answer_hello(const SessionParty& self, ByteView body, Connection& connection) {
  const SessionHello hello = TRY(parse_session_hello(as_text(body)).context("session hello"));
  const TlsFacts* const tls = connection.tls();
  if (tls == nullptr) return denied("a session is attested over TLS only");
  if (self.platform == nullptr)
    return internal_error("a server without a platform has no evidence");
  // Evidence of the peer would be evidence of ours, sent back.
  if (hello.role == self.role) {
    return denied("a ", name_of(self.role), " opens no sessions with its own role");
  }
  Opened opened{hello.role,
                {.client_spki = tls->peer_spki,
                 .server_spki = tls->own_spki,
                 .exporter = tls->exporter,
                 .client_nonce = hello.nonce,
                 .server_nonce = self.random->array<32>()}};
  const auto binding = opened.facts.bind(self.role, hello.role, self.context);
  Bytes evidence = TRY(self.platform->make_evidence(tee::ReportData::for_session(binding))
                           .context("making our evidence"));
  const SessionOffer offer{.role = self.role,
                           .nonce = opened.facts.server_nonce,
                           .context = self.context,
                           .evidence = std::move(evidence)};
  state_of(connection).opened = std::move(opened);
  return encode(offer);
}

Result<AttestedPeer> judge_owner(const SessionParty& self, const Opened& opened,
                                 const OwnerProof& proof) {
  const auto binding = opened.facts.bind(opened.peer, self.role, to_bytes(proof.owner.bytes));
  TRY(crypto::verify_ed25519(proof.owner, owner_message(binding), proof.signature)
          .context("the owner's signature over this session"));
  return AttestedPeer{opened.peer, std::nullopt, proof.owner, {}, {}};
}

// The peer that `proof` shows, still without its end.
asio::awaitable<Result<AttestedPeer>> judge(const SessionParty& self, const Opened& opened,
                                            SessionProof proof) {
  if (auto* const evidence = std::get_if<EvidenceProof>(&proof)) {
    if (opened.peer == tee::Role::Owner)
      co_return denied("an owner proves itself by its signature");
    const auto binding = opened.facts.bind(opened.peer, self.role, evidence->context);
    auto claims = co_await verify_session_evidence(self, std::move(evidence->evidence),
                                                   tee::ReportData::for_session(binding));
    if (!claims) co_return std::move(claims).error();
    co_return AttestedPeer{
        opened.peer, std::move(claims).value(), std::nullopt, std::move(evidence->context), {}};
  }
  if (const auto* const owner = std::get_if<OwnerProof>(&proof)) {
    if (opened.peer != tee::Role::Owner)
      co_return denied("only an owner proves itself by a signature");
    co_return judge_owner(self, opened, *owner);
  }
  if (opened.peer != tee::Role::Client) co_return denied("only a plain client may prove nothing");
  co_return AttestedPeer{opened.peer, std::nullopt, std::nullopt, {}, {}};
}

asio::awaitable<Result<std::string>> answer_prove(const SessionParty& self,
                                                  const HttpRequest& request,
                                                  Connection& connection) {
  SessionState& state = state_of(connection);
  // A nonce is good for one proof, whatever comes of it.
  const std::optional<Opened> opened = std::exchange(state.opened, std::nullopt);
  state.peer = nullptr;
  if (!opened) co_return denied("a proof without a hello before it on this connection");
  auto proof = parse_session_proof(as_text(request.body));
  if (!proof) co_return std::move(proof).error().context("session proof");
  auto peer = co_await judge(self, *opened, std::move(proof).value());
  if (!peer)
    co_return std::move(peer).error().context(text("evidence of a ", name_of(opened->peer)));
  const TimePoint now = self.clock->now();
  const auto lifetime = session_lifetime(self, peer->claims, now);
  if (!lifetime) co_return lifetime.error();
  peer->until = now + *lifetime;
  state.peer = std::make_shared<const AttestedPeer>(std::move(peer).value());
  co_return encode(SessionGrant{static_cast<std::uint64_t>(lifetime->count())});
}

}  // namespace

asio::awaitable<std::optional<HttpResponse>> answer_session(const SessionParty& self,
                                                            const HttpRequest& request,
                                                            Connection& connection, Log& log) {
  if (request.method != "POST") co_return std::nullopt;
  Result<std::string> answer = std::string();
  if (request.target == kHelloPath) {
    answer = answer_hello(self, request.body, connection);
  } else if (request.target == kProvePath) {
    answer = co_await answer_prove(self, request, connection);
  } else {
    co_return std::nullopt;
  }
  if (answer) co_return text_response(200, "application/json", *answer);
  const Error& error = answer.error();
  const SessionRefusal refusal{error.code, encode_hex(self.random->array<8>())};
  log.warning("session refused, request ", refusal.request, ": ", name_of(error.code), ": ",
              error.message);
  co_return text_response(status_of(error.code), "application/json", encode(refusal));
}

std::shared_ptr<const AttestedPeer> find_peer(const Connection& connection, TimePoint now) {
  if (!connection.state) return nullptr;
  const auto& peer = static_cast<const SessionState*>(connection.state.get())->peer;
  return peer && now < peer->until ? peer : nullptr;
}

}  // namespace torchkeep::channel
