// Asio's coroutine frames have an operator delete that fits their operator new; when g++ 12 inlines
// one of the two, it believes otherwise.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
#include "torchkeep/keyserver/service.h"

#include <gtest/gtest.h>

#include "tests/keyserver/world.h"
#include "tests/support/fake_collateral.h"
#include "tests/support/loopback.h"

namespace torchkeep::keyserver {
namespace {

namespace asio = boost::asio;
using keys::StatementKind;

/// A peer's connection: attested as whom it says it is, or not at all.
class Peer {
 public:
  Peer(testing::Reactor& reactor, std::uint16_t port, const channel::SessionParty* self)
      : reactor_(reactor) {
    EXPECT_TRUE(reactor_.await(meet(port, self)));
  }
  ~Peer() { reactor_.await(close(std::move(client_))); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  channel::HttpResponse ask(std::string method, std::string_view target, ByteView body = {}) {
    auto response = reactor_.await(client_->send({.method = std::move(method),
                                                  .target = std::string(target),
                                                  .headers = {},
                                                  .body = SecretBuffer(body.begin(), body.end())}));
    EXPECT_TRUE(response) << response.error();
    return std::move(response).value();
  }
  const channel::AttestedPeer& key_server() const { return *key_server_; }

 private:
  asio::awaitable<bool> meet(std::uint16_t port, const channel::SessionParty* self) {
    auto connected = co_await channel::HttpClient::connect(
        testing::loopback(port), channel::TlsClientContext::create().value(),
        std::chrono::seconds(10));
    EXPECT_TRUE(connected) << connected.error();
    client_ = std::move(connected).value();
    if (self == nullptr) co_return true;
    auto attested = co_await channel::attest_session(*self, tee::Role::KeyServer, *client_);
    EXPECT_TRUE(attested) << attested.error();
    key_server_ = std::move(attested).value();
    co_return true;
  }
  // On the reactor, where its sockets live.
  static asio::awaitable<bool> close(std::unique_ptr<channel::HttpClient> client) {
    client.reset();
    co_return true;
  }
  testing::Reactor& reactor_;
  std::unique_ptr<channel::HttpClient> client_;
  std::optional<channel::AttestedPeer> key_server_;
};

class Service : public ::testing::Test {
 protected:
  Service() {
    auto listening = channel::HttpServer::listen(
        reactor_.io(), testing::loopback(0), testing::make_server_tls(), {},
        [this](const channel::HttpRequest& request, channel::Connection& connection) {
          return service_.answer(request, connection);
        },
        world_.log);
    EXPECT_TRUE(listening) << listening.error();
    http_ = std::move(listening).value();
  }
  ~Service() override {
    http_->stop();
    reactor_.stop();
  }

  channel::SessionParty party(tee::Role role, tee::Platform* platform) {
    channel::SessionParty party{.role = role,
                                .platform = platform,
                                .context = {},
                                .collateral = &collateral_,
                                .roots = {world_.machine.root_key()},
                                .clock = &world_.clock,
                                .random = &world_.random};
    return party;
  }
  channel::SessionParty key_server_party() {
    auto self = party(tee::Role::KeyServer, &world_.platform);
    self.context = session_context(server_->genesis(), world_.trust(), self.lifetime);
    return self;
  }
  std::unique_ptr<Peer> owner(const crypto::Ed25519PrivateKey& key) {
    auto self = party(tee::Role::Owner, nullptr);
    self.owner_key = &key;
    return std::make_unique<Peer>(reactor_, http_->port(), &self);
  }
  std::unique_ptr<Peer> enclave(tee::Role role, tee::Platform& platform) {
    const auto self = party(role, &platform);
    return std::make_unique<Peer>(reactor_, http_->port(), &self);
  }
  std::unique_ptr<Peer> stranger() {
    return std::make_unique<Peer>(reactor_, http_->port(), nullptr);
  }
  void register_model() { world_.register_model(*server_, story_, 1); }
  Bytes release_body() const { return keys::encode(World::request(story_)); }

  World world_;
  std::unique_ptr<KeyServer> server_ = world_.open();
  Story story_ = world_.story(*server_);
  crypto::Ed25519PrivateKey owner_key_ = testing::fake_owner_key(kOwner);
  crypto::Ed25519PrivateKey others_key_ = testing::fake_owner_key(kOtherOwner);
  testing::FakeCollateral collateral_{world_.machine, world_.clock};
  testing::FakePlatform cache_platform_{world_.machine, cache_enclave()};
  KeyService service_{*server_, key_server_party(), world_.log};
  testing::Reactor reactor_;
  std::unique_ptr<channel::HttpServer> http_;
};

TEST_F(Service, TellsItsHealthAndGenesisToAnybody) {
  const auto response = stranger()->ask("GET", "/health");
  EXPECT_EQ(response.status, 200u);
  const json::Json health = json::parse(as_text(response.body)).value();
  EXPECT_EQ(health.at("status"), "ok");
  EXPECT_EQ(health.at("simulation"), true);
  EXPECT_EQ(health.at("genesis"), server_->genesis().hex());
}

TEST_F(Service, ItsSessionStatesGenesisAndConfiguration) {
  const auto peer = owner(owner_key_);
  const ByteView context = peer->key_server().context;
  EXPECT_EQ(keys::parse_keyserver_context(context).value(), server_->genesis());
  // Another configuration has another digest.
  Trust other = world_.trust();
  other.roots.push_back(Digest256{1});
  const auto lifetime = std::chrono::seconds(3600);
  EXPECT_TRUE(equal(context, session_context(server_->genesis(), world_.trust(), lifetime)));
  EXPECT_FALSE(equal(context, session_context(server_->genesis(), other, lifetime)));
  EXPECT_FALSE(equal(
      context, session_context(server_->genesis(), world_.trust(), std::chrono::seconds(60))));
}

TEST_F(Service, AnOwnerRegistersAndACacheGetsTheKey) {
  const auto at_owners = owner(owner_key_);
  const auto first = story_.say(Story::policy(StatementKind::Register, world_.policy()));
  const auto registered = at_owners->ask("POST", keys::kSubmitPath, keys::encode(first));
  ASSERT_EQ(registered.status, 200u) << as_text(registered.body);
  EXPECT_EQ(keys::parse_receipt(registered.body)->statement, keys::hash_of(first.statement));
  auto data_key = testing::fake_data_key(1);
  const auto said = story_.say(Story::version(1, data_key), data_key.clone());
  ASSERT_EQ(at_owners->ask("POST", keys::kSubmitPath, keys::encode(said)).status, 200u);
  const auto listed = at_owners->ask("GET", keys::kListPath);
  EXPECT_EQ(json::parse(as_text(listed.body))->at("models").size(), 1u);

  const auto at_caches = enclave(tee::Role::KeyCache, cache_platform_);
  const auto response = at_caches->ask("POST", keys::kReleasePath, release_body());
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  auto release = keys::parse_release(response.body).value();
  const auto opened =
      keys::open_release(std::move(release), World::request(story_), server_->genesis(), nullptr);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(equal(opened->data_key().expose(), data_key.expose()));
}

TEST_F(Service, OwnersAreToldWhyAndCachesOnlyThat) {
  register_model();
  World::tell(*server_, story_, Story::of(StatementKind::Minimum, 2));
  const auto refusal = owner(owner_key_)
                           ->ask("POST", keys::kSubmitPath,
                                 keys::encode(story_.draft(Story::of(StatementKind::Minimum, 1))));
  EXPECT_EQ(refusal.status, 403u);
  EXPECT_NE(as_text(refusal.body).find("a minimum only rises"), std::string_view::npos)
      << as_text(refusal.body);

  const auto cache = enclave(tee::Role::KeyCache, cache_platform_);
  const auto denied = cache->ask("POST", keys::kReleasePath, release_body());
  EXPECT_EQ(denied.status, 403u);
  const Error told = keys::parse_refusal(denied.status, denied.body);
  EXPECT_EQ(told.code, ErrorCode::Denied);
  EXPECT_EQ(as_text(denied.body).find("minimum"), std::string_view::npos);
  // The operator reads the rest under the request's id.
  const json::Json body = json::parse(as_text(denied.body)).value();
  EXPECT_TRUE(world_.log.contains(
      text("request ", body.at("request_id").get<std::string>(), " refused: Denied: ")));
  EXPECT_TRUE(world_.log.contains("below the owner's minimum"));
}

struct Door {
  const char* method;
  std::string_view path;
};
const Door kDoors[] = {
    {"POST", keys::kSubmitPath}, {"GET", keys::kListPath}, {"POST", keys::kReleasePath}};

TEST_F(Service, NobodyPassesWithoutHavingProvedWhoTheyAre) {
  register_model();
  for (const Door& door : kDoors) {
    const auto response = stranger()->ask(door.method, door.path, release_body());
    EXPECT_EQ(response.status, 403u) << door.path;
    EXPECT_EQ(as_text(response.body).find("resnet50"), std::string_view::npos);
  }
}

TEST_F(Service, EachRoleHasItsOwnDoors) {
  register_model();
  testing::FakePlatform worker(world_.machine, testing::fake_enclave(testing::kFakeWorker, 0x5403));
  const auto at_owners = owner(owner_key_);
  const auto at_caches = enclave(tee::Role::KeyCache, cache_platform_);
  const auto at_workers = enclave(tee::Role::Worker, worker);
  const auto submission =
      keys::encode(story_.draft(Story::policy(StatementKind::Policy, world_.policy())));
  const auto status = [&](Peer& peer, std::string method, std::string_view path) {
    const Bytes release = release_body();
    const ByteView body = path == keys::kSubmitPath ? ByteView(submission) : ByteView(release);
    return peer.ask(std::move(method), path, body).status;
  };
  EXPECT_EQ(status(*at_owners, "POST", keys::kReleasePath), 403u);
  for (Peer* peer : {at_caches.get(), at_workers.get()}) {
    EXPECT_EQ(status(*peer, "POST", keys::kSubmitPath), 403u);
    EXPECT_EQ(status(*peer, "GET", keys::kListPath), 403u);
  }
  EXPECT_EQ(status(*at_workers, "POST", keys::kReleasePath), 403u);
  EXPECT_EQ(status(*at_owners, "GET", keys::kListPath), 200u);
  EXPECT_EQ(status(*at_caches, "POST", keys::kReleasePath), 200u);
}

TEST_F(Service, AnotherOwnerGetsNeitherAReceiptNorAList) {
  register_model();
  const auto peer = owner(others_key_);
  const auto said = keys::encode(story_.draft(Story::of(StatementKind::Revoke)));
  EXPECT_EQ(peer->ask("POST", keys::kSubmitPath, said).status, 403u);
  const auto listed = peer->ask("GET", keys::kListPath);
  EXPECT_TRUE(json::parse(as_text(listed.body))->at("models").empty());
  EXPECT_TRUE(server_->release(world_.cache(), World::request(story_)));
}

TEST_F(Service, WrongRequestsGetTheirStatusAndHarmNothing) {
  register_model();
  const auto at_owners = owner(owner_key_);
  const auto at_caches = enclave(tee::Role::KeyCache, cache_platform_);
  EXPECT_EQ(at_owners->ask("GET", "/nowhere").status, 404u);
  EXPECT_EQ(at_owners->ask("GET", keys::kSubmitPath).status, 404u);
  EXPECT_EQ(at_owners->ask("POST", keys::kListPath).status, 404u);
  EXPECT_EQ(at_owners->ask("POST", keys::kSubmitPath, as_bytes("{}")).status, 400u);
  EXPECT_EQ(at_caches->ask("POST", keys::kReleasePath, as_bytes("\x01\x02")).status, 400u);
  EXPECT_EQ(at_caches->ask("POST", keys::kReleasePath).status, 400u);
  keys::ReleaseRequest unknown = World::request(story_);
  unknown.name = "bert";
  EXPECT_EQ(at_caches->ask("POST", keys::kReleasePath, keys::encode(unknown)).status, 404u);
  world_.store.fail_write(0, FailingKeyStore::Outcome::NotWritten);
  EXPECT_EQ(at_caches->ask("POST", keys::kReleasePath, release_body()).status, 503u);
  EXPECT_EQ(at_caches->ask("POST", keys::kReleasePath, release_body()).status, 200u);
}

TEST_F(Service, ASessionEndsWithItsTime) {
  register_model();
  const auto cache = enclave(tee::Role::KeyCache, cache_platform_);
  ASSERT_EQ(cache->ask("POST", keys::kReleasePath, release_body()).status, 200u);
  world_.clock.advance(std::chrono::hours(2));
  EXPECT_EQ(cache->ask("POST", keys::kReleasePath, release_body()).status, 403u);
}

TEST_F(Service, WhatIsWrongWithTheStoreIsNotToldToOwners) {
  register_model();
  world_.memory.contents.rows[{std::string(kOwnerTable), to_bytes(story_.owner().bytes)}][3] ^= 1;
  auto data_key = testing::fake_data_key(2);
  const auto said = story_.draft(Story::version(2, data_key), data_key.clone());
  const auto refusal = owner(owner_key_)->ask("POST", keys::kSubmitPath, keys::encode(said));
  EXPECT_EQ(refusal.status, 403u);
  EXPECT_EQ(as_text(refusal.body).find("KEK"), std::string_view::npos);
  EXPECT_TRUE(world_.log.contains("changed: KEK of owner"));
}

}  // namespace
}  // namespace torchkeep::keyserver
