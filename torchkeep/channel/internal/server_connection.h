#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "torchkeep/channel/http.h"
#include "torchkeep/channel/internal/message_reader.h"
#include "torchkeep/channel/internal/transport.h"

namespace torchkeep::channel {

/// What all connections of a server share. *Immutable*, but for the flag.
struct ServerRules {
  HttpLimits limits;
  HttpHandler handler;
  Log& log;
  std::atomic<bool> stopping{false};
};

/// One accepted connection: reads requests, asks the handler, writes answers.
/// *Lives on one strand*, but for `expired`.
class ServerConnection final : public Connection {
 public:
  /// `refused`: there are too many connections; the first request is answered 503.
  ServerConnection(std::shared_ptr<ServerRules> rules, std::unique_ptr<Transport> transport,
                   std::string peer, bool refused);

  const TlsFacts* tls() const override { return transport_->tls(); }
  /// Serves until the peer, a fault or `ServerRules::stopping` ends it.
  asio::awaitable<void> serve();
  /// Ends the connection if nothing of a request has come yet.
  void close_if_idle();
  void abort() { transport_->abort(); }
  auto executor() { return transport_->socket().get_executor(); }

  /// One tick of the server's second hand: true if the peer has stood still for too long.
  bool expired();

 private:
  asio::awaitable<Result<void>> serve_requests();
  asio::awaitable<HttpResponse> answer(const HttpRequest& request);
  asio::awaitable<Result<void>> write(HttpResponse response, bool keep_alive, bool of_head);
  asio::awaitable<void> say_goodbye();
  void report(const Error& error);

  std::shared_ptr<ServerRules> rules_;
  std::unique_ptr<Transport> transport_;
  MessageReader reader_;
  std::string peer_;
  bool refused_;
  bool waiting_ = true;  // for a handshake or for a request's first byte
  StallMeter meter_;     // the server's second hand alone touches it
  std::atomic<unsigned> patience_;
};

}  // namespace torchkeep::channel
