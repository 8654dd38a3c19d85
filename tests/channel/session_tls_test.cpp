#include <gmock/gmock.h>

#include "torchkeep/channel/ra_tls.h"

#include "tests/channel/session_world.h"
#include "tests/support/loopback.h"

// Sessions over real connections, and the man in the middle on them.
namespace torchkeep::channel {
namespace {

using tee::Role;
using testing::loopback;

constexpr std::chrono::seconds kPatience{10};

class SessionOverTls : public ::testing::Test {
 protected:
  ~SessionOverTls() override { reactor_.stop(); }

  std::shared_ptr<TlsServerContext> tls_of(const RaTlsIdentity& identity) {
    return TlsServerContext::create(identity.key, identity.certificate).value();
  }
  std::unique_ptr<HttpServer> serve(std::shared_ptr<TlsServerContext> tls, HttpHandler handler) {
    return std::move(HttpServer::listen(reactor_.io(), loopback(0), std::move(tls), {},
                                        std::move(handler), world_.log))
        .value();
  }
  std::unique_ptr<HttpClient> connect(const HttpServer& server,
                                      const std::shared_ptr<TlsClientContext>& tls) {
    return std::move(reactor_.await(HttpClient::connect(loopback(server.port()), tls, kPatience)))
        .value();
  }
  Result<AttestedPeer> attest(const SessionParty& self, Role expected, HttpClient& client) {
    return reactor_.await(attest_session(self, expected, client));
  }

  testing::World world_;
  const RaTlsIdentity identity_ =
      std::move(make_ra_tls_identity(world_.key_server, world_.random, world_.clock.now())).value();
  const SessionParty party_ = world_.key_server_party();
  testing::Reactor reactor_;
  std::unique_ptr<HttpServer> genuine_ =
      serve(tls_of(identity_), [this](const HttpRequest& request, Connection& connection) {
        return answer(request, connection);
      });

 private:
  asio::awaitable<HttpResponse> answer(const HttpRequest& request, Connection& connection) {
    auto session = co_await answer_session(party_, request, connection, world_.log);
    if (session) co_return std::move(*session);
    const auto peer = find_peer(connection, world_.clock.now());
    if (!peer) co_return text_response(403, "text/plain", "nobody");
    co_return text_response(200, "text/plain", name_of(peer->role));
  }
};

TEST_F(SessionOverTls, KnowsItsPeerOnThatConnectionAlone) {
  const auto tls = TlsClientContext::create().value();
  const auto client = connect(*genuine_, tls);
  const auto other = connect(*genuine_, tls);
  ASSERT_TRUE(attest(world_.key_cache_party(), Role::KeyServer, *client).ok());
  EXPECT_EQ(as_text(reactor_.await(client->send({"GET", "/", {}, {}}))->body), "keycache");
  EXPECT_EQ(reactor_.await(other->send({"GET", "/", {}, {}}))->status, 403U);
}

TEST_F(SessionOverTls, AManInTheMiddleWithBothLeakedKeysGetsNowhere) {
  const auto victims_tls = TlsClientContext::create().value();
  // He shows the genuine certificate, whose key leaked to him, and passes every request on over a
  // connection of his own, on which he shows the victim's certificate.
  const auto between = serve(
      tls_of(identity_),
      [&](const HttpRequest& request, Connection& connection) -> asio::awaitable<HttpResponse> {
        if (!connection.state) {
          auto own =
              co_await HttpClient::connect(loopback(genuine_->port()), victims_tls, kPatience);
          connection.state = std::shared_ptr<HttpClient>(std::move(own).value());
        }
        HttpRequest passed{request.method, request.target, {}, request.body};
        auto response =
            co_await static_cast<HttpClient*>(connection.state.get())->send(std::move(passed));
        co_return std::move(response).value();
      });
  const auto client = connect(*between, victims_tls);
  EXPECT_TRUE(verify_ra_tls_certificate(*client->tls()->peer_certificate,
                                        world_.machine.collateral(world_.clock.now()), party_.roots,
                                        world_.clock.now())
                  .ok())
      << "RA-TLS alone takes him for the key server";
  const auto seen = attest(world_.key_cache_party(), Role::KeyServer, *client);
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, ErrorCode::Untrusted) << seen.error();
}

TEST_F(SessionOverTls, APeerThatSpeaksOnlyRaTlsIsNotEnough) {
  const auto plain = serve(tls_of(identity_),
                           [](const HttpRequest&, Connection&) -> asio::awaitable<HttpResponse> {
                             co_return text_response(404, "text/plain", "no such route");
                           });
  const auto client = connect(*plain, TlsClientContext::create().value());
  const auto seen = attest(world_.key_cache_party(), Role::KeyServer, *client);
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, ErrorCode::Untrusted);
  EXPECT_THAT(seen.error().message, ::testing::HasSubstr("does not speak our session protocol"));
}

}  // namespace
}  // namespace torchkeep::channel
