#include "torchkeep/channel/http.h"

#include <gmock/gmock.h>

#include "tests/support/loopback.h"

namespace torchkeep::channel {
namespace {

using testing::body_of;
using testing::loopback;
using testing::RawPeer;
using testing::Reactor;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Says what it was asked.
asio::awaitable<HttpResponse> echo(const HttpRequest& request, Connection&) {
  if (request.target == "/throws") throw std::runtime_error("the handler's own trouble");
  if (request.target == "/splits") {
    HttpResponse response;
    response.headers = {{"x-words", "one\r\nset-cookie: two"}};
    co_return response;
  }
  HttpResponse response = text_response(200, "text/plain", "");
  response.headers.emplace_back("x-target", request.target);
  response.headers.emplace_back("x-method", request.method);
  response.body.assign(request.body.begin(), request.body.end());
  co_return response;
}

class Http : public ::testing::Test {
 protected:
  std::uint16_t serve(HttpLimits limits = {}, std::shared_ptr<TlsServerContext> tls = nullptr,
                      HttpHandler handler = echo) {
    server_ = std::move(HttpServer::listen(reactor_.io(), loopback(0), std::move(tls), limits,
                                           std::move(handler), log_))
                  .value();
    return server_->port();
  }
  std::string ask(std::string_view bytes) {
    RawPeer peer(server_->port());
    peer.send(bytes);
    peer.end();
    return peer.read_all();
  }

  testing::Reactor reactor_;
  torchkeep::testing::RecordingLog log_;
  std::unique_ptr<HttpServer> server_;
};

struct Exchange {
  const char* name;
  std::string sent;
  std::string answer_begins;
};

class HttpRefusals : public Http, public ::testing::WithParamInterface<Exchange> {};

TEST_P(HttpRefusals, AnswerWithAStatusThatSaysWhy) {
  serve({.max_body_bytes = 1000});
  EXPECT_THAT(ask(GetParam().sent), StartsWith(GetParam().answer_begins));
  EXPECT_THAT(ask("GET /after HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

std::string many_fields() {
  std::string out = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 101; ++i) out += "x: y\r\n";
  return out + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Requests, HttpRefusals,
    ::testing::Values(
        Exchange{"Garbage", "\x01\x02\x03 nothing\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"NoVersion", "GET /\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"AnotherVersion", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"NoHost", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"SpaceInName", "GET / HTTP/1.1\r\nHost: a\r\nx : y\r\n\r\n", "HTTP/1.1 400"},
        Exchange{"LongHeader",
                 "GET / HTTP/1.1\r\nHost: a\r\nx: " + std::string(20000, 'y') + "\r\n\r\n",
                 "HTTP/1.1 431"},
        Exchange{"LongTarget", "GET /" + std::string(20000, 'y') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                 "HTTP/1.1 431"},
        Exchange{"ManyFields", many_fields(), "HTTP/1.1 431"},
        Exchange{
            "LargeBody",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'),
            "HTTP/1.1 413"},
        Exchange{
            "LargeBodyAnnounced",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
            "HTTP/1.1 413"},
        Exchange{"LargeChunk",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                     std::string(1001, 'x') + "\r\n0\r\n\r\n",
                 "HTTP/1.1 413"},
        Exchange{"ManyChunks",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" +
                     std::string(512, 'x') + "\r\n200\r\n" + std::string(512, 'x') +
                     "\r\n0\r\n\r\n",
                 "HTTP/1.1 413"},
        Exchange{
            "BadChunk",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
            "HTTP/1.1 400"},
        Exchange{
            "LengthAndChunked",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0"
            "\r\n\r\n",
            "HTTP/1.1 400"},
        Exchange{"TwoLengths",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                 "HTTP/1.1 400"},
        Exchange{"SignedLength", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
                 "HTTP/1.1 400"},
        Exchange{"HugeLength",
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 "HTTP/1.1 400"},
        Exchange{"OtherEncoding",
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                 "HTTP/1.1 501"},
        Exchange{"ChunkedOfOldVersion",
                 "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 "HTTP/1.1 501"},
        Exchange{"OtherExpectation",
                 "POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\nx",
                 "HTTP/1.1 417"},
        Exchange{"HandlerThrows", "GET /throws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 500"},
        Exchange{"HandlerSplitsItsAnswer", "GET /splits HTTP/1.1\r\nHost: a\r\n\r\n",
                 "HTTP/1.1 500"},
        Exchange{"CutInHeader", "GET / HTTP/1.1\r\nHo", ""},
        Exchange{"CutInBody", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", ""},
        Exchange{"Nothing", "", ""}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Http, AnswersWithTheBodyItWasSent) {
  serve();
  EXPECT_EQ(
      ask("POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"),
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-target: /a?b=c\r\nx-method: POST\r\n"
      "content-length: 3\r\nconnection: close\r\n\r\nabc");
}

TEST_F(Http, ReadsChunkedBodiesAndIgnoresTrailers) {
  serve();
  const std::string answer =
      ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: y\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("\r\n\r\nabcde"));
}

TEST_F(Http, ReadsAnyPieceByPiece) {
  serve();
  RawPeer peer(server_->port());
  const std::string request =
      "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const char byte : request) peer.send({&byte, 1});
  EXPECT_THAT(peer.read_until("abc"), HasSubstr("x-target: /slow\r\n"));
}

TEST_F(Http, AnswersPipelinedRequestsInOrder) {
  serve();
  const std::string answer =
      ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
          "2\r\n\r\nxy"
          "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_LT(answer.find("/1"), answer.find("/2"));
  EXPECT_LT(answer.find("xyHTTP/1.1 200"), answer.find("/3"));
}

TEST_F(Http, AnswersHeadWithoutABody) {
  serve();
  const std::string answer = ask("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde");
  EXPECT_THAT(answer, HasSubstr("content-length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(Http, KeepsAnOldVersionOpenOnlyIfAsked) {
  serve();
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(peer.read_all(), HasSubstr("connection: close\r\n"));
}

TEST_F(Http, LetsAClientSendItsLargeBodyBeforeItDoes) {
  serve();
  RawPeer peer(server_->port());
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("abcd");
  EXPECT_THAT(peer.read_until("abcd"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Http, LogsWhatAHandlerThrew) {
  serve();
  EXPECT_THAT(ask("GET /throws HTTP/1.1\r\nHost: a\r\n\r\n"), Not(HasSubstr("own trouble")));
  EXPECT_THAT(log_.text(), HasSubstr("the handler's own trouble"));
}

TEST_F(Http, CarriesABodyOfManyMegabytesBothWays) {
  serve({.max_body_bytes = std::size_t{20} << 20});
  SecretBuffer body(std::size_t{15} << 20);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(i * 7 >> 3);
  const SecretBuffer sent = body;
  auto client = reactor_.await(
      HttpClient::connect(loopback(server_->port()), nullptr, std::chrono::seconds(5)));
  ASSERT_TRUE(client.ok());
  auto response = reactor_.await((*client)->send({"POST", "/", {}, std::move(body)}));
  ASSERT_TRUE(response.ok()) << response.error();
  EXPECT_EQ(response->body, sent);
}

}  // namespace
}  // namespace torchkeep::channel
