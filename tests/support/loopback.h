#pragma once

#include <future>
#include <optional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include "torchkeep/channel/http.h"
#include "torchkeep/crypto/random.h"

#include "tests/support/recording_log.h"

/// Servers and clients in one process, over loopback.
namespace torchkeep::testing {

namespace asio = boost::asio;

/// Runs coroutines on threads of its own while the test waits for their results.
class Reactor {
 public:
  explicit Reactor(std::size_t threads = 1) : guard_(asio::make_work_guard(io_)) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~Reactor() { stop(); }
  void stop() {
    guard_.reset();
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  /// Lets everything end by itself, as a program does that was told to stop.
  void run_out() {
    guard_.reset();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  asio::io_context& io() { return io_; }

  /// Starts `work` on the strand that all of a test's work shares, as a client must stay on one.
  template <typename T>
  std::future<T> start(asio::awaitable<T> work) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    asio::co_spawn(strand_, keep(std::move(work), promise),
                   [promise](const std::exception_ptr& fault) {
                     if (fault) promise->set_exception(fault);
                   });
    return future;
  }
  template <typename T>
  T await(asio::awaitable<T> work) {
    return start(std::move(work)).get();
  }

 private:
  template <typename T>
  static asio::awaitable<void> keep(asio::awaitable<T> work,
                                    std::shared_ptr<std::promise<T>> promise) {
    promise->set_value(co_await std::move(work));
  }

  asio::io_context io_;
  asio::strand<asio::io_context::executor_type> strand_{io_.get_executor()};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::vector<std::thread> threads_;
};

inline channel::Endpoint loopback(std::uint16_t port) { return {"127.0.0.1", port}; }

/// A self-signed certificate without evidence.
inline crypto::Certificate self_signed(const crypto::EcdsaPrivateKey& key) {
  return crypto::issue_certificate({.common_name = "test server",
                                    .public_key_info = key.public_key_info(),
                                    .serial = {1},
                                    .not_before = parse_rfc3339("2026-01-01T00:00:00Z").value(),
                                    .not_after = parse_rfc3339("2036-01-01T00:00:00Z").value()},
                                   nullptr, key);
}

/// A server's context over a fresh key.
inline std::shared_ptr<channel::TlsServerContext> make_server_tls() {
  const auto key = crypto::EcdsaPrivateKey::generate();
  return channel::TlsServerContext::create(key, self_signed(key)).value();
}

/// A socket without TLS or HTTP, for peers that behave badly. Blocks the test's thread.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::make_address("127.0.0.1"), port});
  }
  /// Whatever the other side still takes of it.
  void send(std::string_view bytes) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void end() {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  /// All that comes until the other side closes.
  std::string read_all() {
    std::string out;
    boost::system::error_code ended;
    asio::read(socket_, asio::dynamic_buffer(out), ended);
    return out;
  }
  /// All that comes until `ending` has come.
  std::string read_until(std::string_view ending) {
    const std::size_t size = asio::read_until(socket_, asio::dynamic_buffer(waiting_), ending);
    std::string out = waiting_.substr(0, size);
    waiting_.erase(0, size);
    return out;
  }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::string waiting_;
};

inline SecretBuffer body_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace torchkeep::testing
