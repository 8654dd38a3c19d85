#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>

#include "torchkeep/channel/internal/transport.h"

#include "tests/support/loopback.h"

// How connections begin and end: limits, time-outs, stopping, several threads.
namespace torchkeep::channel {
namespace {

using testing::body_of;
using ::testing::HasSubstr;
using testing::loopback;
using testing::RawPeer;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::chrono::seconds kPatience{5};

asio::awaitable<HttpResponse> answer_at_once(const HttpRequest& request, Connection&) {
  HttpResponse response = text_response(200, "text/plain", "");
  response.body.assign(request.body.begin(), request.body.end());
  co_return response;
}

/// Whether nobody listens there any more: the listener closes on a thread of its own.
bool is_closed_soon(std::uint16_t port) {
  for (const auto end = std::chrono::steady_clock::now() + kPatience;
       std::chrono::steady_clock::now() < end;) {
    try {
      RawPeer late(port);
    } catch (const boost::system::system_error&) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// A handler that waits until the test lets it go on.
class Gate {
 public:
  explicit Gate(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}
  asio::awaitable<HttpResponse> handle(const HttpRequest&, Connection&) {
    entered_.set_value(co_await asio::this_coro::executor);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return text_response(200, "text/plain", "late");
  }
  void await_entry() { executor_ = entered_.get_future().get(); }
  void open() {
    asio::post(executor_, [this] { timer_.cancel(); });
  }

 private:
  asio::steady_timer timer_;
  std::promise<asio::any_io_executor> entered_;
  asio::any_io_executor executor_;
};

class HttpLife : public ::testing::Test {
 protected:
  ~HttpLife() override { reactor_.stop(); }
  void serve(HttpLimits limits, HttpHandler handler = answer_at_once,
             std::shared_ptr<TlsServerContext> tls = nullptr) {
    server_ = std::move(HttpServer::listen(reactor_.io(), loopback(0), std::move(tls), limits,
                                           std::move(handler), log_))
                  .value();
  }
  Result<std::unique_ptr<HttpClient>> connect(std::shared_ptr<TlsClientContext> tls = nullptr,
                                              HttpClientLimits limits = {}) {
    return reactor_.await(
        HttpClient::connect(loopback(server_->port()), std::move(tls), kPatience, limits));
  }

  testing::Reactor reactor_{2};
  torchkeep::testing::RecordingLog log_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpLife, NamesThePortThatIsInUse) {
  serve({});
  const auto second = HttpServer::listen(reactor_.io(), loopback(server_->port()), nullptr, {},
                                         answer_at_once, log_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(second.error().message, text("port ", server_->port(), " on 127.0.0.1 is in use"));
}

TEST_F(HttpLife, NamesAnAddressThatIsNotOurs) {
  const auto server =
      HttpServer::listen(reactor_.io(), {"192.0.2.1", 0}, nullptr, {}, answer_at_once, log_);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr("192.0.2.1"));
}

TEST_F(HttpLife, TellsOneConnectionTooManyToComeLater) {
  serve({.max_connections = 2});
  RawPeer first(server_->port());
  RawPeer second(server_->port());
  for (RawPeer* peer : {&first, &second}) {
    peer->send(kGet);
    peer->read_until("\r\n\r\n");
  }
  RawPeer third(server_->port());
  third.send(kGet);
  EXPECT_THAT(third.read_all(), StartsWith("HTTP/1.1 503"));
  first.send(kGet);
  EXPECT_THAT(first.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(log_.text(), HasSubstr("at most 2 are allowed"));
}

TEST_F(HttpLife, ClosesAPeerThatStandsStill) {
  serve({.idle = std::chrono::seconds(1)});
  RawPeer silent(server_->port());
  RawPeer half(server_->port());
  half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(half.read_all(), "");
}

TEST(StallMeter, CountsTicksWithoutProgress) {
  Activity activity;
  StallMeter meter;
  EXPECT_EQ(meter.tick(activity), 0U);
  EXPECT_EQ(meter.tick(activity), 0U) << "we are at work, the peer may wait";
  activity.wait_for_peer();
  EXPECT_EQ(meter.tick(activity), 0U);
  EXPECT_EQ(meter.tick(activity), 1U);
  activity.moved += 64 * 1024 - 1;
  EXPECT_EQ(meter.tick(activity), 2U) << "a dribble is no progress";
  activity.moved += 1;
  EXPECT_EQ(meter.tick(activity), 0U);
  EXPECT_EQ(meter.tick(activity), 1U);
  activity.wait_for_peer();
  EXPECT_EQ(meter.tick(activity), 0U) << "another wait begins";
  EXPECT_EQ(meter.tick(activity), 1U);
  activity.work();
  EXPECT_EQ(meter.tick(activity), 0U);
}

TEST_F(HttpLife, LetsARunningRequestFinishWhenItStops) {
  Gate gate(reactor_.io());
  serve({}, [&](const HttpRequest& request, Connection& connection) {
    return gate.handle(request, connection);
  });
  RawPeer busy(server_->port());
  RawPeer idle(server_->port());
  busy.send(kGet);
  gate.await_entry();
  server_->stop();
  EXPECT_EQ(idle.read_all(), "");
  gate.open();
  const std::string answer = busy.read_all();
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("late"));
  EXPECT_TRUE(is_closed_soon(server_->port()));
}

TEST_F(HttpLife, LeavesNothingRunningOnceStopped) {
  serve({}, answer_at_once, testing::make_server_tls());
  {
    auto client = connect(TlsClientContext::create().value());
    ASSERT_TRUE(client.ok()) << client.error();
    ASSERT_TRUE(reactor_.await((*client)->send({"GET", "/", {}, {}})).ok());
    server_->stop();
  }
  reactor_.run_out();  // returns only if no timer, acceptor or connection is left
}

TEST_F(HttpLife, TellsAClientOfATooLargeBodyEvenWhileItSends) {
  serve({.max_body_bytes = 1000});
  auto client = connect();
  ASSERT_TRUE(client.ok());
  auto response =
      reactor_.await((*client)->send({"POST", "/", {}, SecretBuffer(std::size_t{8} << 20)}));
  ASSERT_TRUE(response.ok()) << response.error();
  EXPECT_EQ(response->status, 413U);
  const auto again = reactor_.await((*client)->send({"GET", "/", {}, {}}));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::Unavailable);
}

TEST_F(HttpLife, LimitsTheAnswerThatAClientTakes) {
  serve({.max_body_bytes = 10000});
  auto client = connect(nullptr, {.max_body_bytes = 1000});
  ASSERT_TRUE(client.ok());
  const auto response = reactor_.await((*client)->send({"POST", "/", {}, SecretBuffer(1001)}));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::Malformed);
}

TEST_F(HttpLife, GivesUpOnAServerThatSaysNothing) {
  Gate gate(reactor_.io());
  serve({}, [&](const HttpRequest& request, Connection& connection) {
    return gate.handle(request, connection);
  });
  auto client = connect(nullptr, {.answer = std::chrono::seconds(1)});
  ASSERT_TRUE(client.ok());
  const auto response = reactor_.await((*client)->send({"GET", "/", {}, {}}));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("nothing moved for 1 s"));
}

TEST_F(HttpLife, SaysThatNobodyIsThere) {
  serve({});
  const std::uint16_t port = server_->port();
  server_->stop();
  server_ = nullptr;
  reactor_.run_out();
  testing::Reactor other;
  const auto client = other.await(HttpClient::connect(loopback(port), nullptr, kPatience));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().message,
            text("connecting to 127.0.0.1:", port, ": nobody listens there"));
}

TEST_F(HttpLife, GivesUpOnAServerThatNeverShakesHands) {
  asio::io_context io;
  asio::ip::tcp::acceptor silent(io, {asio::ip::make_address("127.0.0.1"), 0});
  const auto client = reactor_.await(HttpClient::connect(loopback(silent.local_endpoint().port()),
                                                         TlsClientContext::create().value(),
                                                         std::chrono::seconds(1)));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(client.error().message, HasSubstr("within 1 s"));
}

struct BadAnswer {
  const char* name;
  std::string bytes;
  ErrorCode expected;
};

class BadAnswers : public HttpLife, public ::testing::WithParamInterface<BadAnswer> {};

TEST_P(BadAnswers, AreRefused) {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  auto client = reactor_.start(
      HttpClient::connect(loopback(acceptor.local_endpoint().port()), nullptr, kPatience));
  asio::ip::tcp::socket peer = acceptor.accept();
  auto connected = client.get();
  ASSERT_TRUE(connected.ok());
  auto answer = reactor_.start((*connected)->send({"GET", "/", {}, {}}));
  asio::write(peer, asio::buffer(GetParam().bytes));
  peer.shutdown(asio::ip::tcp::socket::shutdown_send);
  const auto response = answer.get();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Servers, BadAnswers,
    ::testing::Values(
        BadAnswer{"Nothing", "", ErrorCode::Unavailable},
        BadAnswer{"Garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrorCode::Malformed},
        BadAnswer{"CutInHead", "HTTP/1.1 200 OK\r\nContent-", ErrorCode::Unavailable},
        BadAnswer{"CutInBody", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                  ErrorCode::Unavailable},
        BadAnswer{"CutInChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
                  ErrorCode::Unavailable},
        BadAnswer{"HugeBody", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
                  ErrorCode::Malformed},
        BadAnswer{"OnlyContinue", "HTTP/1.1 100 Continue\r\n\r\n", ErrorCode::Unavailable}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(HttpLife, ServesManyClientsOnSeveralThreads) {
  serve({}, answer_at_once, testing::make_server_tls());
  const std::shared_ptr<TlsClientContext> tls = TlsClientContext::create().value();
  const auto converse = [&](std::string word) -> asio::awaitable<int> {
    auto client = co_await HttpClient::connect(loopback(server_->port()), tls, kPatience);
    if (!client) co_return -1;
    int good = 0;
    for (int i = 0; i < 20; ++i) {
      // g++ 12 destroys a braced temporary within a co_await twice, so it gets a name.
      HttpRequest request{"POST", "/", {}, body_of(word)};
      auto response = co_await (*client)->send(std::move(request));
      if (response && as_text(response->body) == word) ++good;
    }
    co_return good;
  };
  std::vector<std::future<int>> conversations;
  for (int i = 0; i < 16; ++i) {
    conversations.push_back(
        reactor_.start(converse(std::string(1000, static_cast<char>('a' + i)))));
  }
  for (auto& conversation : conversations) EXPECT_EQ(conversation.get(), 20);
}

}  // namespace
}  // namespace torchkeep::channel
