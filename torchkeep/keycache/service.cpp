#include "torchkeep/keycache/service.h"

#include "torchkeep/client/key_server_client.h"

namespace torchkeep::keycache {
namespace {

/// Before the session stands, whoever answers has proved nothing: its "no" is not the key server's,
/// and must not cost a lease.
Error unproved(Error error) {
  if (error.code == ErrorCode::Denied || error.code == ErrorCode::NotFound) {
    error.code = ErrorCode::Untrusted;
  }
  return error;
}

}  // namespace

asio::awaitable<Result<KeyServerAnswer>> RemoteKeyServer::release(keys::ReleaseRequest request) {
  // Which genesis is the right one is in the owner's statements, so none is pinned here.
  auto client = co_await client::KeyServerClient::connect(endpoint_, self_, std::nullopt);
  if (!client) co_return unproved(std::move(client).error());
  auto release = co_await (*client)->release(std::move(request));
  if (!release) co_return std::move(release).error();
  KeyServerAnswer answer{std::move(release).value(), (*client)->genesis(),
                         *(*client)->peer().claims};
  co_return std::move(answer);
}

asio::awaitable<Result<SecretBuffer>> CacheService::release(const channel::HttpRequest& request,
                                                            const channel::Connection& connection) {
  const auto peer = channel::find_peer(connection, self_.clock->now());
  if (!peer || peer->role != tee::Role::Worker || !peer->claims) {
    co_return denied("no attested worker");
  }
  const auto owner = to_array<32>(peer->context);
  if (!owner) co_return denied("the worker's evidence names no owner");
  auto asked = keys::parse_release_request(request.body);
  if (!asked) co_return std::move(asked).error();
  auto released =
      co_await cache_.release(*peer->claims, keys::OwnerKey{*owner}, std::move(asked).value());
  if (!released) co_return std::move(released).error();
  co_return keys::encode(*released);
}

asio::awaitable<channel::HttpResponse> CacheService::answer(const channel::HttpRequest& request,
                                                            channel::Connection& connection) {
  auto session = co_await channel::answer_session(self_, request, connection, log_);
  if (session) co_return std::move(*session);
  if (request.method == "GET" && request.target == "/health") {
    const json::Json health = {{"simulation", tee::built_for_simulation()}, {"status", "ok"}};
    co_return channel::text_response(200, "application/json", json::encode_canonical(health));
  }

  const std::string request_id = encode_hex(self_.random->array<8>());
  Result<SecretBuffer> body = not_found(request.method, " ", request.target);
  if (request.method == "POST" && request.target == keys::kReleasePath) {
    body = co_await release(request, connection);
  }
  if (body) {
    channel::HttpResponse response;
    response.headers = {{"content-type", "application/octet-stream"}};
    response.body = std::move(body).value();
    co_return response;
  }
  const Error& error = body.error();
  log_.warning("request ", request_id, " refused: ", name_of(error.code), ": ", error.message);
  const Bytes refusal = keys::encode_refusal(error.code, "", request_id);
  co_return channel::text_response(keys::http_status(error.code), "application/json",
                                   as_text(refusal));
}

}  // namespace torchkeep::keycache
