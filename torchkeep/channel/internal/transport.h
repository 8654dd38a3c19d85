#pragma once

#include <atomic>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "torchkeep/channel/internal/tls_context.h"

/// The bytes of one connection, in clear or through TLS; HTTP stands on it.
namespace torchkeep::channel {

namespace asio = boost::asio;
using asio::ip::tcp;

/// What a watchdog may see of a connection from another thread. No clock is read for it: reading
/// one is a system call in an enclave, and the host may bend it.
struct Activity {
  std::atomic<std::uint64_t> step{0};   ///< Odd while we wait for the peer, even while it waits.
  std::atomic<std::uint64_t> moved{0};  ///< Bytes sent and received.
  void wait_for_peer() { step.fetch_add(1 + (step.load() & 1)); }
  void work() { step.fetch_add(step.load() & 1); }
};

/// How many ticks in a row a peer has kept us waiting without moving at least 64 KiB.
class StallMeter {
 public:
  unsigned tick(const Activity& activity);

 private:
  std::uint64_t step_ = 0;
  std::uint64_t moved_ = 0;
  unsigned ticks_ = 0;
};

/// *Lives on one strand*, but for `activity`.
class Transport {
 public:
  explicit Transport(tcp::socket socket) : socket_(std::move(socket)) {}
  virtual ~Transport() = default;

  /// Errors of all: Unavailable, in words that follow "connection to HOST:PORT: "; Untrusted for a
  /// web server whose certificate does not hold.
  virtual asio::awaitable<Result<void>> handshake() = 0;
  /// At least one byte into `out`; 0 once the peer has ended properly. A large `out` asks for large
  /// reads.
  virtual asio::awaitable<Result<std::size_t>> read_some(MutableByteView out) = 0;
  /// Both parts, without copying them in clear; they stay until it is done.
  virtual asio::awaitable<Result<void>> write(ByteView head, ByteView body) = 0;
  /// Ends our side of the conversation.
  virtual asio::awaitable<void> finish() = 0;
  /// Null in clear.
  virtual const TlsFacts* tls() const = 0;

  /// Drops what the peer still sends, so that it can read our last answer before a reset.
  asio::awaitable<void> drain(std::size_t max_bytes);
  /// Breaks off; whatever waits ends with an error.
  void abort();
  tcp::socket& socket() { return socket_; }
  Activity& activity() { return activity_; }

 protected:
  /// All of both parts with as few system calls as the socket lets us.
  asio::awaitable<Result<void>> send(ByteView head, ByteView body);
  /// 0 at the end of the stream.
  asio::awaitable<Result<std::size_t>> receive(MutableByteView out);

 private:
  tcp::socket socket_;
  Activity activity_;
};

std::unique_ptr<Transport> make_plain_transport(tcp::socket socket);
/// `is_server` says who begins. The transport keeps what it needs of `material`.
std::unique_ptr<Transport> make_tls_transport(tcp::socket socket, const TlsMaterial& material,
                                              bool is_server);

/// True if bytes from the wire begin as a TLS record does that opens a handshake.
bool looks_like_tls(ByteView first);

}  // namespace torchkeep::channel
