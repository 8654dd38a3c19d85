#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/channel/internal/http_head.h"
#include "torchkeep/channel/internal/message_reader.h"
#include "torchkeep/channel/internal/transport.h"

namespace torchkeep::channel {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kTick{1};

/// The connection and the timer that watches it; the timer's last call may come after the client
/// has gone. *Lives on one strand.*
class Line final : public std::enable_shared_from_this<Line> {
 public:
  Line(std::unique_ptr<Transport> transport, HttpClientLimits limits)
      : transport_(std::move(transport)),
        reader_(*transport_, limits.max_body_bytes),
        timer_(transport_->socket().get_executor()),
        patience_(limits.answer) {}

  Transport& transport() { return *transport_; }
  MessageReader& reader() { return reader_; }
  bool timed_out() const { return timed_out_; }
  void close() {
    timer_.cancel();
    transport_->abort();
  }

  /// Breaks off what is under way unless `end` comes within `time`.
  void limit_to(std::chrono::seconds time) {
    limited_ = true;
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->limited_) self->time_out();
    });
  }
  void end_limit() {
    limited_ = false;
    timer_.cancel();
  }

  /// Breaks off a request whose peer stands still. The timer is set once a second, not once a
  /// request: each setting is a system call.
  void watch() {
    asking_ = true;
    transport_->activity().wait_for_peer();
    if (!ticking_) tick();
  }
  void end_watch() {
    asking_ = false;
    transport_->activity().work();
  }

 private:
  void tick() {
    ticking_ = true;
    timer_.expires_after(kTick);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->ticking_ = false;
      if (!self->asking_) return;
      const auto standing = self->meter_.tick(self->transport_->activity());
      if (std::chrono::seconds(standing) > self->patience_) return self->time_out();
      self->tick();
    });
  }
  void time_out() {
    timed_out_ = true;
    transport_->abort();
  }

  std::unique_ptr<Transport> transport_;
  MessageReader reader_;
  asio::steady_timer timer_;
  std::chrono::seconds patience_;
  StallMeter meter_;
  bool limited_ = false;
  bool asking_ = false;
  bool ticking_ = false;
  bool timed_out_ = false;
};

class Client final : public HttpClient {
 public:
  Client(std::shared_ptr<Line> line, const Endpoint& endpoint, HttpClientLimits limits,
         std::string host)
      : line_(std::move(line)),
        where_(endpoint.text()),
        host_(host.empty() ? where_ : std::move(host)),
        limits_(limits) {}
  ~Client() override { line_->close(); }

  const TlsFacts* tls() const override { return line_->transport().tls(); }

  asio::awaitable<Result<HttpResponse>> send(HttpRequest request) override {
    if (closed_) co_return unavailable("connection to ", where_, ": it is closed; connect anew");
    auto head = encode_head(request, host_);
    if (!head) co_return std::move(head).error();
    closed_ = true;  // until a whole answer has come: a half one leaves no place to go on from
    line_->watch();
    auto answer = co_await exchange(std::move(*head), std::move(request));
    line_->end_watch();
    if (!answer) {
      line_->close();
      co_return explain(std::move(answer).error());
    }
    closed_ = !answer->keep_alive;
    HttpResponse response;
    response.status = answer->status;
    response.headers = std::move(answer->headers);
    response.body = std::move(answer->body);
    co_return response;
  }

 private:
  asio::awaitable<Result<HttpMessage>> exchange(std::string head, HttpRequest request) {
    auto sent = co_await line_->transport().write(as_bytes(head), request.body);
    // A server that refuses a large body answers before it has read it all, and says why.
    auto answer = co_await line_->reader().read_response(request.method == "HEAD");
    if (sent || answer) co_return answer;
    co_return std::move(sent).error();
  }

  Error explain(Error error) const {
    if (line_->timed_out()) {
      return unavailable("connection to ", where_, ": nothing moved for ", limits_.answer.count(),
                         " s");
    }
    return std::move(error).context(text("connection to ", where_));
  }

  std::shared_ptr<Line> line_;
  std::string where_;
  std::string host_;
  HttpClientLimits limits_;
  bool closed_ = false;
};

asio::awaitable<Result<void>> open(std::shared_ptr<Line> line, tcp::endpoint remote) {
  const auto [error] = co_await line->transport().socket().async_connect(remote, kTuple);
  if (error == asio::error::connection_refused) co_return unavailable("nobody listens there");
  if (error) co_return unavailable(error.message());
  boost::system::error_code ignored;
  line->transport().socket().set_option(tcp::no_delay(true), ignored);
  co_return co_await line->transport().handshake();
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<HttpClient>>> HttpClient::connect(
    Endpoint endpoint, std::shared_ptr<TlsClientContext> tls, std::chrono::seconds timeout,
    HttpClientLimits limits, std::string host) {
  const std::string where = endpoint.text();
  boost::system::error_code error;
  const auto address = asio::ip::make_address(endpoint.address, error);
  if (error) co_return invalid_argument("\"", endpoint.address, "\" is no literal address");

  tcp::socket socket(co_await asio::this_coro::executor);
  auto transport = tls ? make_tls_transport(std::move(socket), tls->state().material, false)
                       : make_plain_transport(std::move(socket));
  const auto line = std::make_shared<Line>(std::move(transport), limits);
  line->limit_to(timeout);
  auto opened = co_await open(line, tcp::endpoint(address, endpoint.port));
  line->end_limit();
  if (line->timed_out()) {
    co_return unavailable("no answer from ", where, " within ", timeout.count(), " s");
  }
  if (!opened) {
    line->close();
    co_return std::move(opened).error().context(text("connecting to ", where));
  }
  co_return std::unique_ptr<HttpClient>(
      std::make_unique<Client>(line, endpoint, limits, std::move(host)));
}

}  // namespace torchkeep::channel
