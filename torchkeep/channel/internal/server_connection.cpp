#include "torchkeep/channel/internal/server_connection.h"

#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/http_head.h"

namespace torchkeep::channel {
namespace {

// A refused client may still be sending; it gets to see why before the connection is reset.
constexpr unsigned kGoodbyeTicks = 3;
constexpr std::size_t kGoodbyeBytes = std::size_t{64} << 20;

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerRules> rules,
                                   std::unique_ptr<Transport> transport, std::string peer,
                                   bool refused)
    : rules_(std::move(rules)),
      transport_(std::move(transport)),
      reader_(*transport_, rules_->limits.max_body_bytes),
      peer_(std::move(peer)),
      refused_(refused),
      patience_(static_cast<unsigned>(rules_->limits.idle.count())) {}

bool ServerConnection::expired() { return meter_.tick(transport_->activity()) > patience_.load(); }

void ServerConnection::close_if_idle() {
  if (waiting_ && reader_.idle()) transport_->abort();
}

void ServerConnection::report(const Error& error) {
  rules_->log.info("connection from ", peer_, ": ", error.message);
}

asio::awaitable<void> ServerConnection::serve() {
  if (rules_->stopping) co_return transport_->abort();  // admitted while the server stopped
  transport_->activity().wait_for_peer();
  auto shaken = co_await transport_->handshake();
  if (!shaken) {
    // Who connects and says nothing looks whether we are there; that is no news.
    if (!rules_->stopping && transport_->activity().moved > 0) report(shaken.error());
    transport_->abort();
    co_return;
  }
  auto served = co_await serve_requests();
  if (served) {
    co_await say_goodbye();
  } else if (!(rules_->stopping && reader_.idle())) {
    report(served.error());
  }
  transport_->abort();
}

// Errors: the connection is past saying anything.
asio::awaitable<Result<void>> ServerConnection::serve_requests() {
  while (!rules_->stopping) {
    waiting_ = true;
    transport_->activity().wait_for_peer();
    auto message = co_await reader_.read_request();
    waiting_ = false;
    if (!message && message.error().code == ErrorCode::Malformed) {
      report(message.error());
      co_return co_await write(refusal_response(reader_.refusal_status(), message.error().message),
                               false, false);
    }
    if (!message) {
      // Nothing was under way: how such a peer leaves tells an operator nothing.
      if (reader_.idle()) co_return Result<void>();
      co_return std::move(message).error();
    }
    if (!*message) co_return Result<void>();
    transport_->activity().work();

    const bool of_head = (*message)->method == "HEAD";
    const bool keep_alive = (*message)->keep_alive && !refused_;
    const HttpRequest request{std::move((*message)->method), std::move((*message)->target),
                              std::move((*message)->headers), std::move((*message)->body)};
    HttpResponse response;
    if (refused_) {
      response = refusal_response(503, "too many connections: try again later");
    } else {
      response = co_await answer(request);
    }
    transport_->activity().wait_for_peer();
    auto sent = co_await write(std::move(response), keep_alive, of_head);
    if (!sent || !keep_alive) co_return sent;
  }
  co_return Result<void>();
}

asio::awaitable<HttpResponse> ServerConnection::answer(const HttpRequest& request) {
  std::string failure;
  try {
    co_return co_await rules_->handler(request, *this);
  } catch (const std::exception& exception) {
    failure = exception.what();
  } catch (...) {
    failure = "an exception of an unknown kind";
  }
  rules_->log.error("handling ", request.method, " ", request.target, " from ", peer_, ": ",
                    failure);
  co_return refusal_response(500, "a defect of ours; the server's log says more");
}

asio::awaitable<Result<void>> ServerConnection::write(HttpResponse response, bool keep_alive,
                                                      bool of_head) {
  keep_alive = keep_alive && !rules_->stopping;
  auto head = encode_head(response, keep_alive);
  if (!head) {
    rules_->log.error("an answer to ", peer_, " was not sent: ", head.error().message);
    response = refusal_response(500, "a defect of ours; the server's log says more");
    head = encode_head(response, keep_alive);
  }
  const bool no_body = of_head || response.status == 204 || response.status == 304;
  const ByteView body = no_body ? ByteView() : ByteView(response.body);
  co_return co_await transport_->write(as_bytes(*head), body);
}

asio::awaitable<void> ServerConnection::say_goodbye() {
  patience_ = std::min(patience_.load(), kGoodbyeTicks);
  transport_->activity().wait_for_peer();
  co_await transport_->finish();
  co_await transport_->drain(kGoodbyeBytes);
}

}  // namespace torchkeep::channel
