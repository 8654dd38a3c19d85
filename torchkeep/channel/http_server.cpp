#include <set>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/channel/internal/server_connection.h"

namespace torchkeep::channel {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::milliseconds kAcceptBackOff{200};
constexpr std::size_t kRefusedAtOnce = 16;  // so many too many are told so; the rest is closed

Error cannot_listen(const Endpoint& endpoint, const boost::system::error_code& error) {
  if (error == asio::error::address_in_use) {
    return unavailable("port ", endpoint.port, " on ", endpoint.address, " is in use");
  }
  if (error == asio::error::access_denied) {
    return unavailable("port ", endpoint.port, " on ", endpoint.address,
                       " is not for this user: choose one from 1024 up");
  }
  return unavailable("cannot listen on ", endpoint.text(), ": ", error.message());
}

/// Lives as long as its last connection; the HttpServer may go earlier.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, std::shared_ptr<TlsServerContext> tls,
           std::shared_ptr<ServerRules> rules)
      : io_(io),
        strand_(asio::make_strand(io)),
        acceptor_(strand_),
        pause_(strand_),
        second_hand_(strand_),
        tls_(std::move(tls)),
        rules_(std::move(rules)) {}

  Result<void> open(const Endpoint& endpoint);
  std::uint16_t port() const { return port_; }
  void start();
  void stop();

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> tick();
  void admit(tcp::socket socket);
  void remove(const std::shared_ptr<ServerConnection>& connection);
  std::set<std::shared_ptr<ServerConnection>> connections();

  asio::io_context& io_;
  asio::strand<asio::io_context::executor_type> strand_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  asio::steady_timer second_hand_;
  std::shared_ptr<TlsServerContext> tls_;
  std::shared_ptr<ServerRules> rules_;
  std::uint16_t port_ = 0;
  Mutex mutex_;
  std::set<std::shared_ptr<ServerConnection>> connections_ GUARDED_BY(mutex_);
};

Result<void> Listener::open(const Endpoint& endpoint) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(endpoint.address, error);
  if (error) return invalid_argument("\"", endpoint.address, "\" is no literal address");
  const tcp::endpoint local(address, endpoint.port);
  if (!error) acceptor_.open(local.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(local, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (error) return cannot_listen(endpoint, error);
  return {};
}

void Listener::start() {
  const auto ended = [self = shared_from_this()](std::exception_ptr) {};
  asio::co_spawn(strand_, accept(), ended);
  asio::co_spawn(strand_, tick(), ended);
}

asio::awaitable<void> Listener::accept() {
  while (!rules_->stopping) {
    tcp::socket socket(asio::make_strand(io_));
    const auto [error] = co_await acceptor_.async_accept(socket, kTuple);
    if (!error) {
      admit(std::move(socket));
      continue;
    }
    if (rules_->stopping) co_return;
    if (error == asio::error::connection_aborted) continue;
    // Most likely out of descriptors: those in use have to end first.
    rules_->log.warning("accepting a connection: ", error.message());
    pause_.expires_after(kAcceptBackOff);
    co_await pause_.async_wait(kTuple);
  }
}

void Listener::admit(tcp::socket socket) {
  boost::system::error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // it has left already
  const std::string peer = Endpoint{remote.address().to_string(), remote.port()}.text();
  socket.set_option(tcp::no_delay(true), error);

  const auto executor = socket.get_executor();
  auto transport = tls_ ? make_tls_transport(std::move(socket), tls_->state().material, true)
                        : make_plain_transport(std::move(socket));
  std::shared_ptr<ServerConnection> connection;
  {
    const MutexLock lock(mutex_);
    const std::size_t most = rules_->limits.max_connections;
    const bool refused = connections_.size() >= most;
    if (refused) {
      rules_->log.warning("connection from ", peer, " refused: ", connections_.size(),
                          " are open, at most ", most, " are allowed");
    }
    if (connections_.size() >= most + kRefusedAtOnce) return;
    connection = std::make_shared<ServerConnection>(rules_, std::move(transport), peer, refused);
    connections_.insert(connection);
  }
  asio::co_spawn(executor, connection->serve(),
                 [self = shared_from_this(), connection, peer](const std::exception_ptr& fault) {
                   if (fault)
                     self->rules_->log.error("connection from ", peer, ": a defect of ours");
                   self->remove(connection);
                 });
}

void Listener::remove(const std::shared_ptr<ServerConnection>& connection) {
  const MutexLock lock(mutex_);
  connections_.erase(connection);
  if (rules_->stopping && connections_.empty()) {
    asio::post(strand_, [self = shared_from_this()] { self->second_hand_.cancel(); });
  }
}

std::set<std::shared_ptr<ServerConnection>> Listener::connections() {
  const MutexLock lock(mutex_);
  return connections_;
}

// One timer for all connections, so that a request costs none.
asio::awaitable<void> Listener::tick() {
  for (;;) {
    const auto open = connections();
    if (rules_->stopping && open.empty()) co_return;
    for (const auto& connection : open) {
      if (!connection->expired()) continue;
      asio::post(connection->executor(), [connection] { connection->abort(); });
    }
    second_hand_.expires_after(kTick);
    co_await second_hand_.async_wait(kTuple);
  }
}

void Listener::stop() {
  rules_->stopping = true;
  asio::post(strand_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
    self->second_hand_.cancel();
  });
  for (const auto& connection : connections()) {
    asio::post(connection->executor(), [connection] { connection->close_if_idle(); });
  }
}

class Server final : public HttpServer {
 public:
  explicit Server(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~Server() override { listener_->stop(); }
  std::uint16_t port() const override { return listener_->port(); }
  void stop() override { listener_->stop(); }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(asio::io_context& io,
                                                       const Endpoint& endpoint,
                                                       std::shared_ptr<TlsServerContext> tls,
                                                       HttpLimits limits, HttpHandler handler,
                                                       Log& log) {
  std::shared_ptr<ServerRules> rules(new ServerRules{limits, std::move(handler), log});
  auto listener = std::make_shared<Listener>(io, std::move(tls), std::move(rules));
  TRY(listener->open(endpoint));
  listener->start();
  return std::unique_ptr<HttpServer>(std::make_unique<Server>(std::move(listener)));
}

}  // namespace torchkeep::channel
