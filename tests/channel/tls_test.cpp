#include "torchkeep/channel/tls.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include "torchkeep/crypto/openssl.h"

#include "tests/support/loopback.h"

namespace torchkeep::channel {
namespace {

using testing::loopback;
using ::testing::HasSubstr;

/// Somebody else's TLS client, with settings that ours would never have.
class ForeignClient {
 public:
  ForeignClient() : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
  }
  SSL_CTX* context() { return context_.get(); }
  /// False if the handshake, or one request and its answer, fails.
  bool ask(std::uint16_t port, SSL_SESSION* resumed = nullptr) {
    BIO* const bio = BIO_new_connect(("127.0.0.1:" + std::to_string(port)).c_str());
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), bio, bio);
    if (resumed != nullptr) SSL_set_session(ssl_.get(), resumed);
    if (SSL_connect(ssl_.get()) != 1) return false;
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    if (SSL_write(ssl_.get(), kRequest.data(), static_cast<int>(kRequest.size())) <= 0)
      return false;
    char answer[4096];
    const int size = SSL_read(ssl_.get(), answer, sizeof answer);
    return size > 0 &&
           std::string_view(answer, static_cast<std::size_t>(size)).starts_with("HTTP/1.1 200");
  }
  SSL* ssl() { return ssl_.get(); }

 private:
  crypto::Handle<SSL_CTX, SSL_CTX_free> context_;
  crypto::Handle<SSL, SSL_free> ssl_;
};

class Tls : public ::testing::Test {
 protected:
  Tls() {
    server_ = std::move(HttpServer::listen(
                            reactor_.io(), loopback(0), testing::make_server_tls(), {},
                            [this](const HttpRequest&,
                                   Connection& connection) -> asio::awaitable<HttpResponse> {
                              seen_ = *connection.tls();
                              co_return text_response(200, "text/plain", "here");
                            },
                            log_))
                  .value();
  }
  ~Tls() override { reactor_.stop(); }
  Result<std::unique_ptr<HttpClient>> connect(std::shared_ptr<TlsClientContext> tls) {
    return reactor_.await(
        HttpClient::connect(loopback(server_->port()), std::move(tls), std::chrono::seconds(5)));
  }
  Result<HttpResponse> ask(HttpClient& client) {
    return reactor_.await(client.send({"GET", "/", {}, {}}));
  }
  void expect_still_serving() {
    auto client = connect(TlsClientContext::create().value());
    ASSERT_TRUE(client.ok()) << client.error();
    EXPECT_TRUE(ask(**client).ok());
  }

  testing::Reactor reactor_;
  torchkeep::testing::RecordingLog log_;
  TlsFacts seen_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Tls, ShowsBothEndsTheSameConnection) {
  auto client = connect(TlsClientContext::create().value());
  ASSERT_TRUE(client.ok()) << client.error();
  ASSERT_TRUE(ask(**client).ok());
  const TlsFacts& facts = *(*client)->tls();
  EXPECT_EQ(facts.exporter, seen_.exporter);
  EXPECT_NE(facts.exporter, ByteArray<32>{});
  EXPECT_EQ(facts.own_spki, seen_.peer_spki);
  EXPECT_EQ(facts.peer_spki, seen_.own_spki);
  EXPECT_EQ(facts.peer_certificate->public_key_info(), facts.peer_spki);
  EXPECT_FALSE(facts.own_spki.empty());
}

TEST_F(Tls, HasAnExporterOfItsOwnForEachConnection) {
  const std::shared_ptr<TlsClientContext> tls = TlsClientContext::create().value();
  auto first = connect(tls);
  auto second = connect(tls);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ((*first)->tls()->own_spki, (*second)->tls()->own_spki);
  EXPECT_NE((*first)->tls()->exporter, (*second)->tls()->exporter);
}

TEST_F(Tls, ShowsAFreshKeyForEachClientContext) {
  auto first = connect(TlsClientContext::create().value());
  auto second = connect(TlsClientContext::create().value());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE((*first)->tls()->own_spki, (*second)->tls()->own_spki);
}

TEST_F(Tls, ServesAClientWithoutACertificate) {
  ForeignClient client;
  EXPECT_TRUE(client.ask(server_->port()));
  EXPECT_TRUE(seen_.peer_spki.empty());
  EXPECT_FALSE(seen_.peer_certificate.has_value());
}

TEST_F(Tls, RefusesTls12AndServesOn) {
  ForeignClient client;
  SSL_CTX_set_max_proto_version(client.context(), TLS1_2_VERSION);
  EXPECT_FALSE(client.ask(server_->port()));
  expect_still_serving();
  EXPECT_THAT(log_.text(), HasSubstr("TLS handshake: unsupported protocol"));
}

TEST_F(Tls, RefusesOtherGroups) {
  ForeignClient client;
  SSL_CTX_set1_groups_list(client.context(), "P-521:ffdhe2048");
  EXPECT_FALSE(client.ask(server_->port()));
  expect_still_serving();
}

TEST_F(Tls, CannotBeResumed) {
  ForeignClient client;
  ASSERT_TRUE(client.ask(server_->port()));
  const crypto::Handle<SSL_SESSION, SSL_SESSION_free> session(SSL_get1_session(client.ssl()));
  EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), 0);
  EXPECT_EQ(SSL_SESSION_is_resumable(session.get()), 0);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), 0U);
  ASSERT_TRUE(client.ask(server_->port(), session.get()));
  EXPECT_EQ(SSL_session_reused(client.ssl()), 0);
}

TEST_F(Tls, LogsOneLineForAClientInClearAndServesOn) {
  testing::RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.read_all();
  expect_still_serving();
  ASSERT_EQ(log_.lines().size(), 1U);
  EXPECT_THAT(log_.text(), HasSubstr("the peer does not speak TLS"));
}

TEST_F(Tls, SaysNothingOfAPeerThatOnlyLooksWhetherWeAreThere) {
  testing::RawPeer peer(server_->port());
  peer.end();
  EXPECT_EQ(peer.read_all(), "");
  expect_still_serving();
  EXPECT_TRUE(log_.lines().empty()) << log_.text();
}

TEST_F(Tls, SurvivesGarbageInPlaceOfAHandshake) {
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\xff\xff", 5), std::string(70000, '\x16'), std::string("\0", 1),
        std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10)}) {
    testing::RawPeer peer(server_->port());
    peer.send(garbage);
    peer.end();
    peer.read_all();
  }
  expect_still_serving();
}

TEST_F(Tls, TakesNoCertificateForAnotherKey) {
  const auto key = crypto::EcdsaPrivateKey::generate();
  const auto other = crypto::EcdsaPrivateKey::generate();
  const auto context = TlsServerContext::create(key, testing::self_signed(other));
  ASSERT_FALSE(context.ok());
  EXPECT_EQ(context.error().code, ErrorCode::InvalidArgument);
}

TEST(TlsClient, SaysThatAServerSpeaksNoTls) {
  testing::Reactor reactor;
  torchkeep::testing::RecordingLog log;
  const auto server =
      std::move(HttpServer::listen(
                    reactor.io(), loopback(0), nullptr, {},
                    [](const HttpRequest&, Connection&) -> asio::awaitable<HttpResponse> {
                      co_return HttpResponse();
                    },
                    log))
          .value();
  const auto client = reactor.await(HttpClient::connect(
      loopback(server->port()), TlsClientContext::create().value(), std::chrono::seconds(5)));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(client.error().message, HasSubstr(loopback(server->port()).text()));
  EXPECT_THAT(client.error().message, HasSubstr("does not speak TLS"));
  EXPECT_THAT(log.text(), HasSubstr("the peer speaks TLS, this port does not"));
  reactor.stop();
}

}  // namespace
}  // namespace torchkeep::channel
