#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "torchkeep/base/log.h"
#include "torchkeep/base/secret.h"
#include "torchkeep/channel/endpoint.h"
#include "torchkeep/channel/tls.h"

/// HTTP/1.1 over TLS 1.3, or in clear where everything that moves is signed (a PCCS on loopback).
namespace torchkeep::channel {

namespace asio = boost::asio;

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct HttpRequest {
  std::string method;
  std::string target;  ///< Path and query, as received.
  HttpHeaders headers;
  SecretBuffer body;
  const std::string* find_header(std::string_view name) const;
};

struct HttpResponse {
  unsigned status = 200;
  HttpHeaders headers;
  SecretBuffer body;
  const std::string* find_header(std::string_view name) const;
};

HttpResponse text_response(unsigned status, std::string_view content_type, std::string_view body);

/// One connection as its handler sees it. *Lives on one strand.*
class Connection {
 public:
  virtual ~Connection() = default;
  /// TLS facts of this connection; null on plain HTTP.
  virtual const TlsFacts* tls() const = 0;
  /// What the program keeps for this connection (its attested peer); ends with it.
  std::shared_ptr<void> state;
};

using HttpHandler =
    std::function<asio::awaitable<HttpResponse>(const HttpRequest& request, Connection& connection)>;

struct HttpLimits {
  std::size_t max_body_bytes = std::size_t{1} << 20;
  std::chrono::seconds idle{60};
  std::size_t max_connections = 256;
};

/// Accepts connections on one address. *Thread-safe* to stop.
class HttpServer {
 public:
  /// `tls` null: plain HTTP. Port 0 asks for a free one. Errors: Unavailable, naming the address
  /// ("port 8443 on 127.0.0.1 is in use").
  static Result<std::unique_ptr<HttpServer>> listen(asio::io_context& io, const Endpoint& endpoint,
                                                    std::shared_ptr<TlsServerContext> tls,
                                                    HttpLimits limits, HttpHandler handler, Log& log);
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  /// Stops accepting and closes what is idle; running requests are answered.
  virtual void stop() = 0;
};

struct HttpClientLimits {
  std::size_t max_body_bytes = std::size_t{1} << 30;
  std::chrono::seconds answer{120};  ///< A request is given up if nothing moves for so long.
};

/// One connection to a server, requests one after the other. *Lives on one strand.*
class HttpClient {
 public:
  /// `tls` null: plain HTTP. `timeout` is for the connection to stand, TLS included.
  /// `host` is what the Host header says; the endpoint if empty.
  /// Errors: Unavailable (nobody there, not TLS, time-out), naming the endpoint.
  static asio::awaitable<Result<std::unique_ptr<HttpClient>>> connect(
      Endpoint endpoint, std::shared_ptr<TlsClientContext> tls, std::chrono::seconds timeout,
      HttpClientLimits limits = {}, std::string host = {});
  virtual ~HttpClient() = default;
  virtual const TlsFacts* tls() const = 0;
  /// Errors: Unavailable if the connection breaks; Malformed if the answer is no HTTP or too large.
  virtual asio::awaitable<Result<HttpResponse>> send(HttpRequest request) = 0;
};

}  // namespace torchkeep::channel
