#include "torchkeep/keycache/service.h"

#include "torchkeep/client/key_source.h"
#include "torchkeep/keys/genesis.h"

#include "tests/keycache/site.h"
#include "tests/support/fake_collateral.h"
#include "tests/support/loopback.h"

// A worker, the cache and a key server over loopback: real TLS, real session attestation.
namespace torchkeep::keycache {
namespace {

class Service : public ::testing::Test {
 protected:
  Service() {
    key_server_http_ =
        listen([this](const channel::HttpRequest& request, channel::Connection& connection) {
          return answer_as_key_server(request, connection);
        });
    remote_ = std::make_unique<RemoteKeyServer>(testing::loopback(key_server_http_->port()),
                                                party(tee::Role::KeyCache, &site_.platform));
    cache_ =
        std::make_unique<KeyCache>(*remote_, site_.sealed, site_.clock, site_.random, site_.log);
    service_ = std::make_unique<CacheService>(*cache_, party(tee::Role::KeyCache, &site_.platform),
                                              site_.log);
    http_ = listen([this](const channel::HttpRequest& request, channel::Connection& connection) {
      return service_->answer(request, connection);
    });
  }
  ~Service() override {
    http_->stop();
    key_server_http_->stop();
    reactor_.stop();
  }

  std::unique_ptr<channel::HttpServer> listen(channel::HttpHandler handler) {
    auto listening =
        channel::HttpServer::listen(reactor_.io(), testing::loopback(0), testing::make_server_tls(), {},
                                    std::move(handler), site_.log);
    EXPECT_TRUE(listening) << listening.error();
    return std::move(listening).value();
  }
  channel::SessionParty party(tee::Role role, tee::Platform* platform, Bytes context = {}) {
    return {.role = role,
            .platform = platform,
            .context = std::move(context),
            .collateral = &collateral_,
            .roots = {site_.machine.root_key()},
            .clock = &site_.clock,
            .random = &site_.random};
  }
  channel::SessionParty worker_party() {
    return party(tee::Role::Worker, &worker_, to_bytes(site_.owner.key().bytes));
  }

  /// The fake key server behind an attested session.
  asio::awaitable<channel::HttpResponse> answer_as_key_server(const channel::HttpRequest& request,
                                                              channel::Connection& connection) {
    auto session =
        co_await channel::answer_session(key_server_party_, request, connection, site_.log);
    if (session) co_return std::move(*session);
    if (refusal_) {
      co_return channel::text_response(keys::http_status(*refusal_), "application/json",
                                       as_text(keys::encode_refusal(*refusal_, "", "77")));
    }
    auto answer =
        co_await site_.key_server.release(keys::parse_release_request(request.body).value());
    channel::HttpResponse response;
    if (answer) response.body = keys::encode(answer->release);
    if (!answer) response.status = keys::http_status(answer.error().code);
    co_return response;
  }

  asio::awaitable<std::unique_ptr<channel::HttpClient>> connect() {
    auto client = co_await channel::HttpClient::connect(testing::loopback(http_->port()),
                                                        channel::TlsClientContext::create().value(),
                                                        std::chrono::seconds(10));
    co_return std::move(client).value();
  }
  /// The status that a release gets, after a session as `self`, or without any.
  asio::awaitable<unsigned> release_over(std::optional<channel::SessionParty> self,
                                         keys::ReleaseRequest asked) {
    const auto client = co_await connect();
    if (self) {
      const auto attested = co_await channel::attest_session(*self, tee::Role::KeyCache, *client);
      EXPECT_TRUE(attested) << attested.error();
    }
    const Bytes body = keys::encode(asked);
    channel::HttpRequest request{.method = "POST",
                                 .target = std::string(keys::kReleasePath),
                                 .headers = {},
                                 .body = SecretBuffer(body.begin(), body.end())};
    const auto response = co_await client->send(std::move(request));
    co_return response.value().status;
  }
  asio::awaitable<channel::HttpResponse> get(std::string target) {
    const auto client = co_await connect();
    channel::HttpRequest request{
        .method = "GET", .target = std::move(target), .headers = {}, .body = {}};
    auto response = co_await client->send(std::move(request));
    co_return std::move(response).value();
  }

  Result<keys::ReleasedKey> acquire(const channel::SessionParty& self) {
    client::CacheKeySource source(testing::loopback(http_->port()), self);
    return reactor_.await(source.acquire(site_.request(), nullptr));
  }

  Site site_;
  testing::FakeCollateral collateral_{site_.machine, site_.clock};
  testing::FakePlatform worker_{site_.machine, worker_enclave()};
  testing::FakePlatform key_server_{site_.machine,
                                 testing::fake_enclave(testing::kFakeKeyServer, 0x5401)};
  channel::SessionParty key_server_party_ =
      party(tee::Role::KeyServer, &key_server_,
            keys::encode_keyserver_context(testing::fake_genesis(), Digest256{}));
  std::optional<ErrorCode> refusal_;
  testing::Reactor reactor_;
  std::unique_ptr<RemoteKeyServer> remote_;
  std::unique_ptr<KeyCache> cache_;
  std::unique_ptr<CacheService> service_;
  std::unique_ptr<channel::HttpServer> key_server_http_;
  std::unique_ptr<channel::HttpServer> http_;
};

TEST_F(Service, ReleasesAKeyToAnAttestedWorker) {
  const auto key = acquire(worker_party());
  ASSERT_TRUE(key) << key.error();
  EXPECT_TRUE(equal(key->data_key().expose(), testing::fake_data_key(1).expose()));
  EXPECT_EQ(key->lease().seconds, 3600u);
}

TEST_F(Service, RenewsWithoutSendingTheKey) {
  const auto key = acquire(worker_party());
  ASSERT_TRUE(key) << key.error();
  client::CacheKeySource source(testing::loopback(http_->port()), worker_party());
  keys::ReleaseRequest renewal = site_.request();
  renewal.renewal = true;
  const auto renewed = reactor_.await(source.acquire(renewal, &key->data_key()));
  ASSERT_TRUE(renewed) << renewed.error();
  EXPECT_NE(renewed->lease().id, key->lease().id);
}

TEST_F(Service, TellsTheWorkerACodeAndItsLogTheStory) {
  testing::FakePlatform other(site_.machine, testing::fake_enclave(0x44, 0x5403));
  const auto refused = acquire(party(tee::Role::Worker, &other, to_bytes(site_.owner.key().bytes)));
  EXPECT_REFUSED(refused, ErrorCode::Denied, "operator's log");
  EXPECT_EQ(refused.error().message.find("mr_enclave"), std::string::npos);
  EXPECT_TRUE(site_.log.contains("refused: Denied: model \"resnet50\": appraising the worker"));
  EXPECT_TRUE(site_.log.contains("mr_enclave"));
}

TEST_F(Service, NamesADebugWorkerInItsLog) {
  attest::SgxEnclave enclave = worker_enclave();
  enclave.attributes[0] |= 0x02;
  testing::FakePlatform debug(site_.machine, enclave);
  EXPECT_REFUSED(acquire(party(tee::Role::Worker, &debug, to_bytes(site_.owner.key().bytes))),
                 ErrorCode::Denied, "request");
  EXPECT_TRUE(site_.log.contains("debug"));
}

TEST_F(Service, RefusesAWorkerOfAnotherOwner) {
  // It asks for what it may not: a worker that keeps to the rules would not even ask.
  const keys::OwnerKey other = testing::fake_owner_key(9).public_key();
  const auto refused = reactor_.await(
      release_over(party(tee::Role::Worker, &worker_, to_bytes(other.bytes)), site_.request()));
  EXPECT_EQ(refused, 403u);
  EXPECT_TRUE(site_.log.contains(keys::hex(other)));
}

TEST_F(Service, RefusesWhoIsNoWorker) {
  const auto asked = site_.request();
  EXPECT_EQ(reactor_.await(release_over(party(tee::Role::Client, nullptr), asked)), 403u);
  EXPECT_EQ(reactor_.await(release_over(key_server_party_, asked)), 403u);
  EXPECT_EQ(reactor_.await(release_over(party(tee::Role::Worker, &worker_), asked)), 403u);
  EXPECT_EQ(reactor_.await(release_over(std::nullopt, asked)), 403u);
  EXPECT_TRUE(site_.log.contains("no attested worker"));
  EXPECT_TRUE(site_.log.contains("names no owner"));
  EXPECT_TRUE(site_.key_server.requests().empty());
}

TEST_F(Service, TellsTheRefusalOfAKeyServerThatProvedItself) {
  refusal_ = ErrorCode::Denied;
  EXPECT_REFUSED(acquire(worker_party()), ErrorCode::Denied, "request");
  EXPECT_TRUE(site_.log.contains("request 77"));
}

TEST_F(Service, HoldsOnToALeaseWhereSomethingElseAnswersAsKeyServer) {
  ASSERT_TRUE(acquire(worker_party()));
  key_server_party_.role = tee::Role::Worker;
  site_.clock.advance(std::chrono::minutes(30));
  EXPECT_REFUSED(acquire(worker_party()), ErrorCode::Untrusted, "request");
  EXPECT_EQ(site_.lease_files(), 1u);
}

TEST_F(Service, AnswersItsHealthToAnybody) {
  const auto response = reactor_.await(get("/health"));
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(as_text(response.body),
            text(R"({"simulation":)", tee::built_for_simulation(), R"(,"status":"ok"})"));
  EXPECT_EQ(reactor_.await(get("/torchkeep/v1/release")).status, 404u);
  EXPECT_EQ(reactor_.await(get("/")).status, 404u);
}

}  // namespace
}  // namespace torchkeep::keycache
