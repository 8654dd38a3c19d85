// HTTP as it comes from a network: the first byte says in which pieces. However it is cut, the same
// messages come out.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "torchkeep/channel/internal/message_reader.h"

namespace {

using namespace torchkeep;
using namespace torchkeep::channel;

class FedTransport final : public Transport {
 public:
  FedTransport(asio::io_context& io, ByteView bytes, std::size_t piece)
      : Transport(tcp::socket(io)), left_(bytes), piece_(piece) {}
  asio::awaitable<Result<void>> handshake() override { co_return Result<void>(); }
  asio::awaitable<Result<std::size_t>> read_some(MutableByteView out) override {
    const std::size_t size = std::min({piece_, left_.size(), out.size()});
    std::copy_n(left_.begin(), size, out.begin());
    left_ = left_.subspan(size);
    co_return size;
  }
  asio::awaitable<Result<void>> write(ByteView, ByteView) override { co_return Result<void>(); }
  asio::awaitable<void> finish() override { co_return; }
  const TlsFacts* tls() const override { return nullptr; }

 private:
  ByteView left_;
  std::size_t piece_;
};

void describe(std::string& out, const HttpMessage& message) {
  out +=
      text(message.method, " ", message.target, " ", message.status, " ", message.keep_alive, "\n");
  for (const auto& [name, value] : message.headers) out += text(name, ": ", value, "\n");
  out += as_text(message.body);
}

asio::awaitable<void> read_requests(MessageReader& reader, std::string& out) {
  for (;;) {
    auto message = co_await reader.read_request();
    if (!message || !*message) co_return;
    describe(out, **message);
  }
}

asio::awaitable<void> read_one_response(MessageReader& reader, std::string& out) {
  auto message = co_await reader.read_response(false);
  if (message) describe(out, *message);
}

std::string read_all(ByteView bytes, std::size_t piece, bool requests) {
  asio::io_context io;
  FedTransport transport(io, bytes, piece);
  MessageReader reader(transport, 2000);
  std::string out;
  asio::co_spawn(io, requests ? read_requests(reader, out) : read_one_response(reader, out),
                 [](const std::exception_ptr& fault) { TORCHKEEP_CHECK(!fault); });
  io.run();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView bytes(data + 1, size - 1);
  for (const bool requests : {true, false}) {
    const std::string whole = read_all(bytes, bytes.size(), requests);
    TORCHKEEP_CHECK(read_all(bytes, 1 + data[0] % 64, requests) == whole);
  }
  return 0;
}
