#include "torchkeep/simtee/platform_socket.h"

#include <set>
#include <system_error>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <sys/stat.h>
#include <sys/un.h>

#include "torchkeep/base/text.h"

namespace torchkeep::simtee {
namespace {

namespace asio = boost::asio;
namespace simulated = tee::simulated;
using Protocol = asio::local::stream_protocol;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kConversationTime{10};
constexpr std::chrono::milliseconds kAcceptBackOff{100};

/// One question and its answer.
class Conversation {
 public:
  Conversation(Protocol::socket socket, SimulatedMachine& machine, Log& log)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), machine_(machine), log_(log) {}

  asio::awaitable<void> hold();
  void cut_after(std::chrono::seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) cut();
    });
  }
  void cut() {
    boost::system::error_code ignored;  // it may be closed already
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  Result<SecretBytes> answer(const Peer& peer, ByteView question);

  Protocol::socket socket_;
  asio::steady_timer timer_;
  SimulatedMachine& machine_;
  Log& log_;
};

Result<SecretBytes> Conversation::answer(const Peer& peer, ByteView question) {
  const simulated::Request request = TRY(simulated::decode_request(question));
  return machine_.answer(peer, request);
}

asio::awaitable<void> Conversation::hold() {
  // The peer is looked up before it says anything: from here on, no other process passes for it.
  auto peer = Peer::find(socket_.native_handle());
  if (!peer) {
    log_.warning(peer.error().message);
    co_return;
  }
  ByteArray<4> size_bytes{};
  const auto [no_size, size_read] =
      co_await asio::async_read(socket_, asio::buffer(size_bytes), kTuple);
  const std::uint32_t size = load_le32(size_bytes);
  if (no_size || size == 0 || size > simulated::kMaxRequestBytes) co_return;
  Bytes question(size);
  const auto [no_question, read] =
      co_await asio::async_read(socket_, asio::buffer(question), kTuple);
  if (no_question) co_return;

  const Result<SecretBytes> answered = answer(*peer, question);
  if (!answered) log_.warning("refused process ", peer->id(), ": ", answered.error().message);
  const SecretBytes message = simulated::encode_answer(answered);
  Bytes message_size;
  append_le32(message_size, static_cast<std::uint32_t>(message.size()));
  const ByteView bytes = message.expose();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(message_size),
                                                asio::buffer(bytes.data(), bytes.size())};
  co_await asio::async_write(socket_, parts, kTuple);
}

/// Removes what a dead simulator left behind, and nothing else.
Result<void> clear_way(const Path& path) {
  if (path.native().size() >= sizeof(sockaddr_un::sun_path)) {
    return invalid_argument("the socket's path has ", path.native().size(), " bytes, at most ",
                            sizeof(sockaddr_un::sun_path) - 1, " fit; give a shorter --socket");
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) {
    return invalid_argument(path.string(), " exists and is no socket; give another --socket");
  }
  asio::io_context io;
  Protocol::socket probe(io);
  boost::system::error_code failure;
  probe.connect(Protocol::endpoint(path.string()), failure);
  if (failure != asio::error::connection_refused) {
    return unavailable("another program listens at ", path.string(),
                       "; stop it, or give another --socket");
  }
  std::error_code kept;
  std::filesystem::remove(path, kept);
  if (kept) return unavailable("removing ", path.string(), ": ", kept.message());
  return {};
}

/// Lives as long as its last conversation; the PlatformSocket may go earlier.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, Path path, SimulatedMachine& machine, Log& log)
      : acceptor_(io), pause_(io), path_(std::move(path)), machine_(machine), log_(log) {}

  Result<void> open();
  void stop();

 private:
  asio::awaitable<void> accept();
  void begin(Protocol::socket socket);

  Protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  Path path_;
  SimulatedMachine& machine_;
  Log& log_;
  std::set<std::shared_ptr<Conversation>> conversations_;
};

Result<void> Listener::open() {
  TRY(clear_way(path_));
  boost::system::error_code failure;
  acceptor_.open(Protocol(), failure);
  if (!failure) acceptor_.bind(Protocol::endpoint(path_.string()), failure);
  if (!failure) acceptor_.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) return unavailable("listening at ", path_.string(), ": ", failure.message());
  asio::co_spawn(acceptor_.get_executor(), accept(),
                 [self = shared_from_this()](const std::exception_ptr&) {});
  return {};
}

asio::awaitable<void> Listener::accept() {
  while (acceptor_.is_open()) {
    auto [failure, socket] = co_await acceptor_.async_accept(kTuple);
    if (!acceptor_.is_open()) co_return;
    if (!failure) {
      begin(std::move(socket));
      continue;
    }
    // Most likely out of descriptors: those in use have to end first.
    log_.warning("accepting at ", path_.string(), ": ", failure.message());
    pause_.expires_after(kAcceptBackOff);
    co_await pause_.async_wait(kTuple);
  }
}

void Listener::begin(Protocol::socket socket) {
  const auto conversation = std::make_shared<Conversation>(std::move(socket), machine_, log_);
  conversations_.insert(conversation);
  conversation->cut_after(kConversationTime);
  asio::co_spawn(acceptor_.get_executor(), conversation->hold(),
                 [self = shared_from_this(), conversation](const std::exception_ptr& fault) {
                   if (fault) self->log_.error("answering a program: a defect of ours");
                   conversation->cut();
                   self->conversations_.erase(conversation);
                 });
}

void Listener::stop() {
  if (!acceptor_.is_open()) return;
  std::error_code ignored;  // somebody may have taken the socket away
  std::filesystem::remove(path_, ignored);
  boost::system::error_code closed;
  acceptor_.close(closed);
  pause_.cancel();
  for (const auto& conversation : conversations_) conversation->cut();
}

class ListeningSocket final : public PlatformSocket {
 public:
  explicit ListeningSocket(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~ListeningSocket() override { listener_->stop(); }
  void stop() override { listener_->stop(); }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<PlatformSocket>> PlatformSocket::listen(asio::io_context& io,
                                                               const Path& path,
                                                               SimulatedMachine& machine,
                                                               Log& log) {
  const auto listener = std::make_shared<Listener>(io, path, machine, log);
  TRY(listener->open());
  return std::make_unique<ListeningSocket>(listener);
}

}  // namespace torchkeep::simtee
