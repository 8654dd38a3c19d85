#include "torchkeep/channel/internal/transport.h"

#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t kProgressBytes = 64 * 1024;

Error broken(const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) return unavailable("it was closed");
  return unavailable(error.message());
}

class PlainTransport final : public Transport {
 public:
  using Transport::Transport;
  asio::awaitable<Result<void>> handshake() override { co_return Result<void>(); }
  asio::awaitable<Result<std::size_t>> read_some(MutableByteView out) override {
    return receive(out);
  }
  asio::awaitable<Result<void>> write(ByteView head, ByteView body) override {
    return send(head, body);
  }
  asio::awaitable<void> finish() override {
    boost::system::error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
  }
  const TlsFacts* tls() const override { return nullptr; }
};

}  // namespace

unsigned StallMeter::tick(const Activity& activity) {
  const std::uint64_t step = activity.step.load();
  const std::uint64_t moved = activity.moved.load();
  if (step % 2 == 0 || step != step_ || moved - moved_ >= kProgressBytes) {
    step_ = step;
    moved_ = moved;
    ticks_ = 0;
    return 0;
  }
  return ++ticks_;
}

asio::awaitable<void> Transport::drain(std::size_t max_bytes) {
  SecretBuffer dropped(16 * 1024);
  std::size_t left = max_bytes;
  while (left > 0) {
    auto got = co_await receive(dropped);
    if (!got || *got == 0) co_return;
    left -= std::min(left, *got);
  }
}

void Transport::abort() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<Result<void>> Transport::send(ByteView head, ByteView body) {
  std::array<asio::const_buffer, 2> parts{asio::buffer(head.data(), head.size()),
                                          asio::buffer(body.data(), body.size())};
  while (parts[0].size() + parts[1].size() > 0) {
    const auto [error, sent] = co_await socket_.async_write_some(parts, kTuple);
    if (error) co_return broken(error);
    activity_.moved.fetch_add(sent, std::memory_order_relaxed);
    const std::size_t of_head = std::min(sent, parts[0].size());
    parts[0] += of_head;
    parts[1] += sent - of_head;
  }
  co_return Result<void>();
}

asio::awaitable<Result<std::size_t>> Transport::receive(MutableByteView out) {
  const auto [error, got] =
      co_await socket_.async_read_some(asio::buffer(out.data(), out.size()), kTuple);
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return broken(error);
  activity_.moved.fetch_add(got, std::memory_order_relaxed);
  co_return got;
}

std::unique_ptr<Transport> make_plain_transport(tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

bool looks_like_tls(ByteView first) {
  // A record of type handshake or alert, version 3.x (RFC 8446 section 5.1).
  return first.size() >= 2 && (first[0] == 0x16 || first[0] == 0x15) && first[1] == 0x03;
}

}  // namespace torchkeep::channel
