#include "torchkeep/keyserver/service.h"

#include "torchkeep/crypto/digest.h"

namespace torchkeep::keyserver {
namespace {

constexpr std::string_view kConfigurationLabel = "torchkeep/keyserver/configuration/v1";


Result<keys::OwnerKey> owner_of(const channel::AttestedPeer* peer) {
  if (peer == nullptr || peer->role != tee::Role::Owner || !peer->owner) {
    return denied("the peer has not proved to be an owner");
  }
  return *peer->owner;
}

Result<const attest::Claims*> cache_of(const channel::AttestedPeer* peer) {
  if (peer == nullptr || peer->role != tee::Role::KeyCache || !peer->claims) {
    return denied("the peer has not proved to be a key cache");
  }
  return &*peer->claims;
}

}  // namespace

Bytes session_context(const Genesis& genesis, const Trust& trust, std::chrono::seconds session) {
  json::Json roots = json::Json::array();
  for (const Digest256& root : trust.roots) roots.push_back(encode_hex(root));
  const json::Json configuration = {{"roots", std::move(roots)},
                                    {"session_seconds", session.count()},
                                    {"simulated", trust.simulated}};
  crypto::Sha256 hash;
  hash.update(as_bytes(kConfigurationLabel))
      .update(as_bytes(json::encode_canonical(configuration)));
  return keys::encode_keyserver_context(genesis, std::move(hash).finish());
}

Result<SecretBuffer> KeyService::serve(const channel::HttpRequest& request,
                                       const channel::AttestedPeer* peer) {
  const auto asked = [&](std::string_view method, std::string_view path) {
    return request.method == method && request.target == path;
  };
  if (asked("POST", keys::kSubmitPath)) {
    const keys::OwnerKey owner = TRY(owner_of(peer));
    const keys::Submission submission = TRY(keys::parse_submission(request.body));
    return to_secret_buffer(keys::encode(TRY(key_server_.submit(owner, submission))));
  }
  if (asked("GET", keys::kListPath)) {
    const json::Json models = TRY(key_server_.list(TRY(owner_of(peer))));
    return to_secret_buffer(as_bytes(json::encode_canonical(models)));
  }
  if (asked("POST", keys::kReleasePath)) {
    const attest::Claims* cache = TRY(cache_of(peer));
    const keys::ReleaseRequest wanted = TRY(keys::parse_release_request(request.body));
    return keys::encode(TRY(key_server_.release(*cache, wanted)));
  }
  return not_found(request.method, " ", request.target);
}

channel::asio::awaitable<channel::HttpResponse> KeyService::answer(
    const channel::HttpRequest& request, channel::Connection& connection) {
  auto session = co_await channel::answer_session(self_, request, connection, log_);
  if (session) co_return std::move(*session);
  if (request.method == "GET" && request.target == "/health") {
    const json::Json health = {{"genesis", key_server_.genesis().hex()},
                               {"simulation", tee::built_for_simulation()},
                               {"status", "ok"}};
    co_return channel::text_response(200, "application/json", json::encode_canonical(health));
  }

  const auto peer = channel::find_peer(connection, self_.clock->now());
  auto body = serve(request, peer.get());
  if (body) {
    channel::HttpResponse response;
    response.headers = {{"content-type", "application/octet-stream"}};
    response.body = std::move(body).value();
    co_return response;
  }
  const Error& error = body.error();
  const std::string request_id = encode_hex(self_.random->array<8>());
  log_.warning("request ", request_id, " refused: ", name_of(error.code), ": ", error.message);
  const std::string_view told = owner_of(peer.get()).ok() ? std::string_view(error.message) : "";
  const Bytes refusal = keys::encode_refusal(error.code, told, request_id);
  co_return channel::text_response(keys::http_status(error.code), "application/json",
                                   as_text(refusal));
}

}  // namespace torchkeep::keyserver
