#include "torchkeep/channel/session.h"

#include <gmock/gmock.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/internal/session_messages.h"

#include "tests/channel/session_world.h"
#include "tests/support/failing_platform.h"

namespace torchkeep::channel {
namespace {

using tee::Role;
using ::testing::HasSubstr;
using ::testing::Not;

class Session : public ::testing::Test {
 protected:
  HttpResponse post(testing::DirectClient& client, std::string_view path, std::string_view body) {
    HttpRequest request{"POST", std::string(path), {}, SecretBuffer(body.begin(), body.end())};
    return std::move(testing::run(client.send(std::move(request)))).value();
  }
  testing::World world_;
};

TEST_F(Session, ShowsTwoEnclavesToEachOther) {
  const SessionParty server = world_.key_server_party();
  auto client = world_.connect(server);
  const auto seen = world_.attest(world_.key_cache_party(), Role::KeyServer, client);
  ASSERT_TRUE(seen.ok()) << seen.error();
  EXPECT_EQ(seen->role, Role::KeyServer);
  EXPECT_EQ(seen->claims->find_enclave()->isv_prod_id, 0x5401);
  EXPECT_EQ(seen->context, server.context);
  EXPECT_EQ(seen->until, world_.clock.now() + server.lifetime);

  const auto peer = world_.peer_of(client);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->role, Role::KeyCache);
  EXPECT_EQ(peer->claims->find_enclave()->isv_prod_id, 0x5402);
  EXPECT_FALSE(peer->owner.has_value());
  EXPECT_TRUE(world_.log.lines().empty());
}

TEST_F(Session, VerifiesOnThreadsOfItsOwnIfThereAreAny) {
  asio::thread_pool verifiers(2);
  SessionParty server = world_.key_server_party();
  server.verifiers = &verifiers;
  SessionParty self = world_.key_cache_party();
  self.verifiers = &verifiers;
  auto client = world_.connect(server);
  const auto seen = world_.attest(self, Role::KeyServer, client);
  ASSERT_TRUE(seen.ok()) << seen.error();
  EXPECT_EQ(seen->claims->find_enclave()->isv_prod_id, 0x5401);
  ASSERT_NE(world_.peer_of(client), nullptr);

  self.roots.clear();
  const auto refused = world_.attest(self, Role::KeyServer, client);
  ASSERT_FALSE(refused.ok()) << "the same refusals come from there";
  EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
}

TEST_F(Session, ShowsAnOwnerByItsSignature) {
  const SessionParty server = world_.key_server_party();
  auto client = world_.connect(server);
  ASSERT_TRUE(world_.attest(world_.owner_party(), Role::KeyServer, client).ok());
  const auto peer = world_.peer_of(client);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->role, Role::Owner);
  EXPECT_EQ(*peer->owner, world_.owner_key.public_key());
  EXPECT_FALSE(peer->claims.has_value());
}

TEST_F(Session, LetsAPlainClientProveNothing) {
  const SessionParty server = world_.worker_party();
  auto client = world_.connect(server);
  const auto seen = world_.attest(world_.client_party(), Role::Worker, client);
  ASSERT_TRUE(seen.ok()) << seen.error();
  const auto peer = world_.peer_of(client);
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->role, Role::Client);
  EXPECT_FALSE(peer->claims.has_value() || peer->owner.has_value());
}

TEST_F(Session, StatesADebugEnclaveAsAClaim) {
  attest::SgxEnclave enclave = testing::fake_enclave(0x44, 0x5403);
  enclave.attributes[0] |= 0x02;
  testing::FakePlatform platform(world_.machine, enclave);
  const SessionParty server = world_.party(Role::Worker, &platform);
  auto client = world_.connect(server);
  const auto seen = world_.attest(world_.client_party(), Role::Worker, client);
  ASSERT_TRUE(seen.ok()) << seen.error();
  EXPECT_TRUE(seen->claims->debug());
}

TEST_F(Session, EndsAfterItsLifetimeAndCanBeAttestedAnew) {
  SessionParty server = world_.key_server_party();
  server.lifetime = std::chrono::seconds(60);
  auto client = world_.connect(server);
  const auto seen = world_.attest(world_.key_cache_party(), Role::KeyServer, client);
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->until, world_.clock.now() + std::chrono::seconds(60))
      << "the server's limit holds";
  world_.clock.advance(std::chrono::seconds(60));
  EXPECT_EQ(world_.peer_of(client), nullptr);
  ASSERT_TRUE(world_.attest(world_.key_cache_party(), Role::KeyServer, client).ok());
  EXPECT_NE(world_.peer_of(client), nullptr);
}

TEST_F(Session, EndsWithTheCollateralBehindIt) {
  SessionParty server = world_.key_server_party();
  server.lifetime = std::chrono::hours(24 * 365);
  SessionParty self = world_.key_cache_party();
  self.lifetime = server.lifetime;
  auto client = world_.connect(server);
  const auto seen = world_.attest(self, Role::KeyServer, client);
  ASSERT_TRUE(seen.ok()) << seen.error();
  EXPECT_LE(seen->until, seen->claims->collateral_expires());
  EXPECT_LE(world_.peer_of(client)->until, seen->claims->collateral_expires());
}

TEST_F(Session, RaisesTheForwardClockByWhatItVerified) {
  testing::FakeClock lagging("2000-01-01T00:00:00Z");
  ForwardClock forward(lagging);
  SessionParty self = world_.client_party();
  self.forward = &forward;
  const SessionParty server = world_.worker_party();
  auto client = world_.connect(server);
  const auto seen = world_.attest(self, Role::Worker, client);
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(forward.now(), seen->claims->collateral_issued());
}

TEST_F(Session, LeavesOtherRequestsAlone) {
  const SessionParty server = world_.key_server_party();
  testing::DirectConnection connection(world_.new_connection().server);
  for (const HttpRequest& request : {HttpRequest{"GET", std::string(kHelloPath), {}, {}},
                                     HttpRequest{"POST", "/torchkeep/v1/session", {}, {}},
                                     HttpRequest{"POST", "/torchkeep/v1/session/hello?", {}, {}}}) {
    EXPECT_FALSE(testing::run(answer_session(server, request, connection, world_.log)).has_value());
  }
  EXPECT_EQ(find_peer(connection, world_.clock.now()), nullptr);
}

TEST_F(Session, NeedsTls) {
  const SessionParty server = world_.key_server_party();
  testing::DirectClient in_clear(std::nullopt, std::nullopt, world_.answer_of(server));
  const auto seen = world_.attest(world_.key_cache_party(), Role::KeyServer, in_clear);
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, ErrorCode::InvalidArgument);
  const HttpResponse response =
      post(in_clear, kHelloPath, encode(SessionHello{Role::KeyCache, {}}));
  EXPECT_EQ(response.status, 403U);
}

TEST_F(Session, TellsThePeerACodeAndALineOfOurLogAndNoMore) {
  const SessionParty server = world_.key_server_party();
  auto client = world_.connect(server);
  const HttpResponse response = post(client, kProvePath, "{}");
  EXPECT_EQ(response.status, 403U);
  const auto refusal = parse_session_refusal(as_text(response.body));
  ASSERT_TRUE(refusal.ok()) << refusal.error();
  EXPECT_EQ(refusal->code, ErrorCode::Denied);
  EXPECT_THAT(world_.log.text(), HasSubstr(refusal->request));
  EXPECT_THAT(world_.log.text(), HasSubstr("a proof without a hello before it"));
  EXPECT_THAT(std::string(as_text(response.body)), Not(HasSubstr("hello")));
}

struct Failure {
  const char* name;
  std::function<void(SessionParty& server, SessionParty& self)> break_it;
  ErrorCode expected;
  std::string says;
};

class SessionFailures : public Session, public ::testing::WithParamInterface<Failure> {};

TEST_P(SessionFailures, EndWithoutAPeer) {
  SessionParty server = world_.key_server_party();
  SessionParty self = world_.key_cache_party();
  GetParam().break_it(server, self);
  auto client = world_.connect(server);
  const auto seen = world_.attest(self, Role::KeyServer, client);
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, GetParam().expected) << seen.error();
  EXPECT_THAT(seen.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(world_.peer_of(client), nullptr);
}

testing::FailingPlatform& failing_platform() {
  static testing::FailingPlatform platform;
  return platform;
}
testing::AbsentCollateral& absent_collateral() {
  static testing::AbsentCollateral collateral;
  return collateral;
}
const testing::FakeClock& late_clock() {
  static const testing::FakeClock clock("2028-01-01T00:00:00Z");
  return clock;
}

INSTANTIATE_TEST_SUITE_P(
    Causes, SessionFailures,
    ::testing::Values(
        Failure{"ServersPlatformIsAway",
                [](auto& server, auto&) { server.platform = &failing_platform(); },
                ErrorCode::Unavailable, "the peer refused with Unavailable"},
        Failure{"OurPlatformIsAway", [](auto&, auto& self) { self.platform = &failing_platform(); },
                ErrorCode::Unavailable, "making our evidence"},
        Failure{"NoCollateralForUs",
                [](auto&, auto& self) { self.collateral = &absent_collateral(); },
                ErrorCode::Unavailable, "fetching its collateral"},
        Failure{"NoCollateralForTheServer",
                [](auto& server, auto&) { server.collateral = &absent_collateral(); },
                ErrorCode::Unavailable, "proving ourselves"},
        Failure{"ServerTrustsAnotherRoot",
                [](auto& server, auto&) { server.roots = {attest::intel_root_key()}; },
                ErrorCode::Untrusted, "proving ourselves"},
        Failure{"WeTrustAnotherRoot",
                [](auto&, auto& self) { self.roots = {attest::intel_root_key()}; },
                ErrorCode::Untrusted, "evidence of the keyserver"},
        Failure{"CollateralHasExpired", [](auto&, auto& self) { self.clock = &late_clock(); },
                ErrorCode::Untrusted, "evidence of the keyserver"},
        Failure{"ServerHasAnotherRole", [](auto& server, auto&) { server.role = Role::Worker; },
                ErrorCode::Untrusted, "the peer is a worker, wanted is a keyserver"},
        Failure{"ServerHasNoPlatform", [](auto& server, auto&) { server.platform = nullptr; },
                ErrorCode::Internal, "opening a session"},
        Failure{"EnclaveWithoutPlatform", [](auto&, auto& self) { self.platform = nullptr; },
                ErrorCode::InvalidArgument, "needs a platform"},
        Failure{"OwnerWithoutKey", [](auto&, auto& self) { self.role = Role::Owner; },
                ErrorCode::InvalidArgument, "an owner needs its key"},
        Failure{"OurOwnRole", [](auto&, auto& self) { self.role = Role::KeyServer; },
                ErrorCode::InvalidArgument, "our own role"}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct WrongMessage {
  const char* name;
  std::string body;
};

class WrongHellos : public Session, public ::testing::WithParamInterface<WrongMessage> {};

TEST_P(WrongHellos, AreRefused) {
  const SessionParty server = world_.key_server_party();
  auto client = world_.connect(server);
  EXPECT_EQ(post(client, kHelloPath, GetParam().body).status, 400U);
  EXPECT_EQ(post(client, kProvePath, "{}").status, 403U) << "nothing was opened";
}

std::string nonce_text() { return std::string(64, 'a'); }

INSTANTIATE_TEST_SUITE_P(
    Hellos, WrongHellos,
    ::testing::Values(WrongMessage{"Empty", ""}, WrongMessage{"NoObject", "[]"},
                      WrongMessage{"NoNonce", R"({"protocol":1,"role":"keycache"})"},
                      WrongMessage{"OtherProtocol", R"({"nonce":")" + nonce_text() +
                                                        R"(","protocol":2,"role":"keycache"})"},
                      WrongMessage{"UnknownRole", R"({"nonce":")" + nonce_text() +
                                                      R"(","protocol":1,"role":"admin"})"},
                      WrongMessage{"UnknownField", R"({"debug":true,"nonce":")" + nonce_text() +
                                                       R"(","protocol":1,"role":"keycache"})"},
                      WrongMessage{"ShortNonce",
                                   R"({"nonce":"aa","protocol":1,"role":"keycache"})"},
                      WrongMessage{"UpperCase", R"({"nonce":")" + std::string(64, 'A') +
                                                    R"(","protocol":1,"role":"keycache"})"},
                      WrongMessage{"OtherOrder", R"({"protocol":1,"role":"keycache","nonce":")" +
                                                     nonce_text() + R"("})"},
                      WrongMessage{"WhiteSpace", R"({"nonce":")" + nonce_text() +
                                                     R"(","protocol":1,"role":"keycache"} )"},
                      WrongMessage{"Huge", std::string(200000, ' ')}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(SessionMessages, ReadBackWhatTheyWrote) {
  const SessionOffer offer{Role::Worker, {1, 2, 3}, {4, 5}, Bytes(5000, 6)};
  EXPECT_EQ(encode(*parse_session_offer(encode(offer))), encode(offer));
  for (const SessionProof& proof : {SessionProof(NoProof{}), SessionProof(OwnerProof{{{1}}, {2}}),
                                    SessionProof(EvidenceProof{{3}, {4}})}) {
    EXPECT_EQ(encode(*parse_session_proof(encode(proof))), encode(proof));
  }
  EXPECT_FALSE(
      parse_session_proof(R"({"context":"","evidence":"","owner":"","signature":""})").ok());
  EXPECT_FALSE(parse_session_proof(R"({"context":""})").ok());
  EXPECT_FALSE(parse_session_grant(R"({"seconds":-1})").ok());
  EXPECT_FALSE(parse_session_grant(R"({"seconds":1.5})").ok());
  EXPECT_FALSE(parse_session_refusal(R"({"code":"Denied","request":"a line\n"})").ok());
  EXPECT_FALSE(parse_session_refusal(R"({"code":"Fine","request":"00"})").ok());
}

}  // namespace
}  // namespace torchkeep::channel
