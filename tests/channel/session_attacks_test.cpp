#include <gmock/gmock.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/internal/session_messages.h"
#include "torchkeep/channel/session.h"

#include "tests/channel/session_world.h"

// One test for each attack on attested channels that we know of; those that need real TLS are in
// session_tls_test.cpp.
namespace torchkeep::channel {
namespace {

using tee::Role;
using ::testing::HasSubstr;

SecretBuffer to_body(const std::string& text) { return {text.begin(), text.end()}; }

class SessionAttacks : public ::testing::Test {
 protected:
  // What a genuine key server offers on a connection of its own.
  SessionOffer record_offer(const SessionParty& server, const SessionParty& self) {
    auto client = world_.connect(server);
    SessionOffer offer{};
    client.on_response = [&](const HttpRequest& request, HttpResponse& response) {
      if (request.target == kHelloPath) offer = parse_session_offer(as_text(response.body)).value();
    };
    EXPECT_TRUE(world_.attest(self, server.role, client).ok());
    return offer;
  }
  std::string record_proof(const SessionParty& server, const SessionParty& self) {
    auto client = world_.connect(server);
    std::string proof;
    client.on_request = [&](HttpRequest& request) {
      if (request.target == kProvePath) proof = to_string(request.body);
    };
    EXPECT_TRUE(world_.attest(self, server.role, client).ok());
    return proof;
  }
  void expect_untrusted(const Result<AttestedPeer>& seen) {
    ASSERT_FALSE(seen.ok());
    EXPECT_EQ(seen.error().code, ErrorCode::Untrusted) << seen.error();
  }

  testing::World world_;
  const SessionParty server_ = world_.key_server_party();
  const SessionParty self_ = world_.key_cache_party();
};

TEST_F(SessionAttacks, StaleEvidenceIsRefused) {
  const SessionOffer old = record_offer(server_, self_);
  auto client = world_.connect(server_);
  client.on_response = [&](const HttpRequest&, HttpResponse& response) {
    SessionOffer offer = parse_session_offer(as_text(response.body)).value();
    offer.evidence = old.evidence;
    response.body = to_body(encode(offer));
  };
  const auto seen = world_.attest(self_, Role::KeyServer, client);
  expect_untrusted(seen);
  EXPECT_THAT(seen.error().message, HasSubstr("not about this session"));
}

TEST_F(SessionAttacks, AWholeOfferReplayedFromAnotherSessionIsRefused) {
  const SessionOffer old = record_offer(server_, self_);
  auto client = world_.connect(server_);
  client.on_response = [&](const HttpRequest&, HttpResponse& response) {
    response.body = to_body(encode(old));
  };
  expect_untrusted(world_.attest(self_, Role::KeyServer, client));
}

TEST_F(SessionAttacks, AProofReplayedFromAnotherSessionIsRefused) {
  for (const SessionParty& self : {world_.key_cache_party(), world_.owner_party()}) {
    const std::string old = record_proof(server_, self);
    auto client = world_.connect(server_);
    client.on_request = [&](HttpRequest& request) {
      if (request.target == kProvePath) request.body = to_body(old);
    };
    expect_untrusted(world_.attest(self, Role::KeyServer, client));
    EXPECT_EQ(world_.peer_of(client), nullptr);
  }
}

TEST_F(SessionAttacks, AProofReplayedOnTheSameConnectionIsRefused) {
  auto client = world_.connect(server_);
  std::string proof;
  client.on_request = [&](HttpRequest& request) {
    if (request.target == kProvePath) proof = to_string(request.body);
  };
  ASSERT_TRUE(world_.attest(self_, Role::KeyServer, client).ok());
  // Its nonce is used up; and a failed attempt ends what was proved before.
  HttpRequest again{"POST", std::string(kProvePath), {}, to_body(proof)};
  EXPECT_EQ(testing::run(client.send(std::move(again)))->status, 403U);
  EXPECT_EQ(world_.peer_of(client), nullptr);
}

TEST_F(SessionAttacks, RelayWithTheKeysLeakedStopsAtTheExporter) {
  // The man in the middle holds both TLS keys, so both ends see the keys they expect, and passes
  // every message on. Only the secret of each of his two connections is another.
  const auto between = world_.new_connection();
  TlsFacts at_server = between.server;
  at_server.exporter = world_.random.array<32>();
  testing::DirectClient client(between.client, at_server, world_.answer_of(server_));
  expect_untrusted(world_.attest(self_, Role::KeyServer, client));
  EXPECT_EQ(world_.peer_of(client), nullptr);
}

struct OtherFact {
  const char* name;
  std::function<void(TlsFacts&)> change;
};

class OtherFacts : public SessionAttacks, public ::testing::WithParamInterface<OtherFact> {};

TEST_P(OtherFacts, OfTheConnectionMakeEvidenceVoid) {
  auto between = world_.new_connection();
  GetParam().change(between.server);
  testing::DirectClient client(between.client, between.server, world_.answer_of(server_));
  expect_untrusted(world_.attest(self_, Role::KeyServer, client));
}

INSTANTIATE_TEST_SUITE_P(
    Facts, OtherFacts,
    ::testing::Values(OtherFact{"ServerKey", [](TlsFacts& facts) { facts.own_spki[5] ^= 1; }},
                      OtherFact{"ClientKey", [](TlsFacts& facts) { facts.peer_spki[5] ^= 1; }},
                      OtherFact{"NoClientKey", [](TlsFacts& facts) { facts.peer_spki.clear(); }},
                      OtherFact{
                          "KeysSwapped",
                          [](TlsFacts& facts) { std::swap(facts.own_spki, facts.peer_spki); }},
                      OtherFact{"Exporter", [](TlsFacts& facts) { facts.exporter[31] ^= 0x80; }}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(SessionAttacks, DiversionToAnotherGenuineServerIsSeenInItsContextAndPlatform) {
  // Genuine code on somebody else's machine proves that it is genuine, and where it runs.
  const auto elsewhere = simulator::Machine::create(world_.random, world_.clock.now());
  testing::StandingCollateral its_collateral(elsewhere.collateral(world_.clock.now()));
  testing::FakePlatform platform(elsewhere, testing::fake_enclave(0x11, 0x5401));
  const SessionParty diverted = world_.party(Role::KeyServer, &platform, {8, 8});
  SessionParty self = world_.client_party();
  self.collateral = &its_collateral;
  self.roots.push_back(elsewhere.root_key());
  auto client = world_.connect(diverted);
  auto wanted = world_.connect(server_);
  const auto seen = world_.attest(self, Role::KeyServer, client);
  const auto expected = world_.attest(world_.client_party(), Role::KeyServer, wanted);
  ASSERT_TRUE(seen.ok() && expected.ok());
  EXPECT_NE(seen->context, expected->context);
  EXPECT_NE(seen->claims->platform_instance(), expected->claims->platform_instance());
  EXPECT_NE(seen->claims->root_key_hash(), expected->claims->root_key_hash());
}

TEST_F(SessionAttacks, AGenuineButEmptyKeyServerCannotClaimAnothersGenesis) {
  const SessionParty empty = world_.party(Role::KeyServer, &world_.key_server, {6, 6, 6});
  auto honest = world_.connect(empty);
  const auto seen = world_.attest(self_, Role::KeyServer, honest);
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->context, empty.context) << "the caller compares this with the genesis it pinned";

  auto lying = world_.connect(empty);
  lying.on_response = [&](const HttpRequest&, HttpResponse& response) {
    SessionOffer offer = parse_session_offer(as_text(response.body)).value();
    offer.context = server_.context;
    response.body = to_body(encode(offer));
  };
  expect_untrusted(world_.attest(self_, Role::KeyServer, lying));
}

TEST_F(SessionAttacks, AClientCannotClaimAnotherContext) {
  auto client = world_.connect(server_);
  client.on_request = [&](HttpRequest& request) {
    if (request.target != kProvePath) return;
    SessionProof proof = parse_session_proof(as_text(request.body)).value();
    std::get<EvidenceProof>(proof).context = {1};
    request.body = to_body(encode(proof));
  };
  expect_untrusted(world_.attest(self_, Role::KeyServer, client));
}

TEST_F(SessionAttacks, AServersEvidenceIsVoidInAnotherRole) {
  const SessionParty cache = world_.key_cache_party();
  auto client = world_.connect(cache);
  client.on_response = [&](const HttpRequest&, HttpResponse& response) {
    SessionOffer offer = parse_session_offer(as_text(response.body)).value();
    offer.role = Role::KeyServer;
    response.body = to_body(encode(offer));
  };
  expect_untrusted(world_.attest(world_.worker_party(), Role::KeyServer, client));
}

TEST_F(SessionAttacks, AClientsEvidenceIsVoidInAnotherRole) {
  auto client = world_.connect(server_);
  client.on_request = [&](HttpRequest& request) {
    if (request.target != kHelloPath) return;
    SessionHello hello = parse_session_hello(as_text(request.body)).value();
    hello.role = Role::KeyCache;
    request.body = to_body(encode(hello));
  };
  // The server's evidence names the role that it was told, so even the first step fails.
  expect_untrusted(world_.attest(world_.worker_party(), Role::KeyServer, client));
}

TEST_F(SessionAttacks, AServersOwnEvidenceReflectedIsRefused) {
  for (const Role claimed : {Role::KeyCache, Role::Worker, Role::Client}) {
    auto client = world_.connect(server_);
    HttpRequest hello{
        "POST", std::string(kHelloPath), {}, to_body(encode(SessionHello{claimed, {1}}))};
    auto offered = testing::run(client.send(std::move(hello)));
    const SessionOffer offer = parse_session_offer(as_text(offered->body)).value();
    const SessionProof proof = EvidenceProof{offer.context, offer.evidence};
    HttpRequest prove{"POST", std::string(kProvePath), {}, to_body(encode(proof))};
    EXPECT_EQ(testing::run(client.send(std::move(prove)))->status, 403U);
    EXPECT_EQ(world_.peer_of(client), nullptr);
  }
}

TEST_F(SessionAttacks, AClientOfTheServersOwnRoleIsRefused) {
  auto client = world_.connect(server_);
  HttpRequest hello{
      "POST", std::string(kHelloPath), {}, to_body(encode(SessionHello{Role::KeyServer, {1}}))};
  EXPECT_EQ(testing::run(client.send(std::move(hello)))->status, 403U);
}

TEST_F(SessionAttacks, AServerThatSendsOurNonceBackIsRefused) {
  auto client = world_.connect(server_);
  SessionNonce ours{};
  client.on_request = [&](HttpRequest& request) {
    if (request.target == kHelloPath) ours = parse_session_hello(as_text(request.body))->nonce;
  };
  client.on_response = [&](const HttpRequest&, HttpResponse& response) {
    SessionOffer offer = parse_session_offer(as_text(response.body)).value();
    offer.nonce = ours;
    response.body = to_body(encode(offer));
  };
  const auto seen = world_.attest(self_, Role::KeyServer, client);
  expect_untrusted(seen);
  EXPECT_THAT(seen.error().message, HasSubstr("our own nonce"));
}

struct WrongProof {
  const char* name;
  Role role;
  SessionProof proof;
};

class WrongProofs : public SessionAttacks, public ::testing::WithParamInterface<WrongProof> {};

TEST_P(WrongProofs, OfARoleAreRefused) {
  auto client = world_.connect(server_);
  HttpRequest hello{
      "POST", std::string(kHelloPath), {}, to_body(encode(SessionHello{GetParam().role, {1}}))};
  ASSERT_EQ(testing::run(client.send(std::move(hello)))->status, 200U);
  HttpRequest prove{"POST", std::string(kProvePath), {}, to_body(encode(GetParam().proof))};
  const auto answer = testing::run(client.send(std::move(prove)));
  EXPECT_GE(answer->status, 400U);
  EXPECT_LT(answer->status, 500U);
  EXPECT_EQ(world_.peer_of(client), nullptr);
}

// RFC 8032, section 7.1, test 1: the public key of a real owner, under a signature that is none.
OwnerProof unsigned_proof() {
  const auto key =
      decode_hex_array<32>("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  return {{key.value()}, {}};
}

INSTANTIATE_TEST_SUITE_P(
    Roles, WrongProofs,
    ::testing::Values(WrongProof{"WorkerWithNothing", Role::Worker, NoProof{}},
                      WrongProof{"OwnerWithNothing", Role::Owner, NoProof{}},
                      WrongProof{"OwnerWithEvidence", Role::Owner, EvidenceProof{{}, Bytes(500)}},
                      WrongProof{"CacheWithSignature", Role::KeyCache, OwnerProof{}},
                      WrongProof{"ClientWithSignature", Role::Client, OwnerProof{}},
                      WrongProof{"OwnerWithWrongSignature", Role::Owner, unsigned_proof()},
                      WrongProof{"WorkerWithNoQuote", Role::Worker, EvidenceProof{{}, {1, 2, 3}}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(SessionAttacks, AnOwnersSignatureUnderAnotherNameIsRefused) {
  auto client = world_.connect(server_);
  const auto other = crypto::Ed25519PrivateKey::generate(world_.random);
  client.on_request = [&](HttpRequest& request) {
    if (request.target != kProvePath) return;
    SessionProof proof = parse_session_proof(as_text(request.body)).value();
    std::get<OwnerProof>(proof).owner = other.public_key();
    request.body = to_body(encode(proof));
  };
  expect_untrusted(world_.attest(world_.owner_party(), Role::KeyServer, client));
}

struct Message {
  const char* name;
  std::string_view path;
  bool of_client;
  bool of_owner;
  std::size_t step;  // through the middle of a long message
};

class FlippedMessages : public SessionAttacks, public ::testing::WithParamInterface<Message> {};

TEST_P(FlippedMessages, AreRefusedAtEveryByte) {
  const Message& message = GetParam();
  const SessionParty self = message.of_owner ? world_.owner_party() : self_;
  constexpr std::size_t kEdge = 200;
  std::size_t size = 1;
  for (std::size_t at = 0; at < size; at += at < kEdge || at + kEdge > size ? 1 : message.step) {
    auto client = world_.connect(server_);
    const auto flip = [&](SecretBuffer& body) {
      size = body.size();
      // Evidence differs in length by a byte or two from session to session.
      body[std::min(at, size - 1)] ^= static_cast<std::uint8_t>(1 << (at % 8));
    };
    client.on_request = [&](HttpRequest& request) {
      if (message.of_client && request.target == message.path) flip(request.body);
    };
    client.on_response = [&](const HttpRequest& request, HttpResponse& response) {
      if (!message.of_client && request.target == message.path) flip(response.body);
    };
    ASSERT_FALSE(world_.attest(self, Role::KeyServer, client).ok()) << "byte " << at;
    ASSERT_EQ(world_.peer_of(client), nullptr) << "byte " << at;
  }
  EXPECT_GT(size, 100U);
}

INSTANTIATE_TEST_SUITE_P(Messages, FlippedMessages,
                         // A proof's evidence is verified as an offer's is, and
                         // twice as slow to come by.
                         ::testing::Values(Message{"Hello", kHelloPath, true, false, 1},
                                           Message{"Offer", kHelloPath, false, false, 1},
                                           Message{"Proof", kProvePath, true, false, 7},
                                           Message{"OwnersProof", kProvePath, true, true, 1}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(SessionAttacks, AFlippedGrantNeverLengthensASession) {
  const std::string genuine = encode(SessionGrant{3600});
  for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
    auto client = world_.connect(server_);
    client.on_response = [&](const HttpRequest& request, HttpResponse& response) {
      if (request.target != kProvePath) return;
      ASSERT_EQ(as_text(response.body), genuine);
      response.body[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    };
    const auto seen = world_.attest(self_, Role::KeyServer, client);
    if (seen.ok()) {
      EXPECT_LE(seen->until, world_.clock.now() + self_.lifetime);
    }
  }
}

}  // namespace
}  // namespace torchkeep::channel
