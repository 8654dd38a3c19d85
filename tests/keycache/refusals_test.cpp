#include "torchkeep/keycache/key_cache.h"

#include "tests/keycache/site.h"

// What a cache refuses: workers that the owner does not list, and key servers that are not the
// owner's.
namespace torchkeep::keycache {
namespace {

using testing::FakeOwner;

TEST(WorkerRefusals, NameTheClauseTheFoundAndTheWanted) {
  Site site;
  const auto other = site.claims(testing::fake_enclave(0x44, 0x5403));
  const auto refused = site.ask(site.request(), other);
  EXPECT_REFUSED(refused, ErrorCode::Denied, "mr_enclave");
  const std::string& message = refused.error().message;
  EXPECT_NE(message.find("model \"resnet50\": appraising the worker: "), std::string::npos)
      << message;
  EXPECT_NE(message.find(std::string(64, '4')), std::string::npos) << message;
  EXPECT_NE(message.find(std::string(64, '3')), std::string::npos) << message;
}

TEST(WorkerRefusals, NameADebugEnclave) {
  Site site;
  attest::SgxEnclave debug = worker_enclave();
  debug.attributes[0] |= 0x02;
  EXPECT_REFUSED(site.ask(site.request(), site.claims(debug)), ErrorCode::Denied, "debug");
}

TEST(WorkerRefusals, IncludeKeyServersAndCachesInAWorkersPlace) {
  Site site;
  for (const std::uint8_t name : {testing::kFakeKeyServer, testing::kFakeKeyCache}) {
    EXPECT_REFUSED(site.ask(site.request(), site.claims(testing::fake_enclave(name))),
                   ErrorCode::Denied, "workers");
  }
}

TEST(WorkerRefusals, NameAnOutOfDateTcb) {
  Site site;
  site.machine.set_condition(simulator::Condition::TcbOutOfDate);
  const auto old = site.claims(worker_enclave());
  EXPECT_REFUSED(site.ask(site.request(), old), ErrorCode::Denied, "tcb_status");
}

TEST(WorkerRefusals, NameAnotherMachinesRoot) {
  Site site;
  const auto other = simulator::Machine::create(site.random, site.clock.now());
  const auto elsewhere = testing::fake_claims(other, worker_enclave(), site.clock.now());
  EXPECT_REFUSED(site.ask(site.request(), elsewhere), ErrorCode::Denied, "root");
}

TEST(WorkerRefusals, HoldForEachWorkerOfTheSameLease) {
  Site site;
  ASSERT_TRUE(site.ask());
  EXPECT_FALSE(site.ask(site.request(), site.claims(testing::fake_enclave(0x44))));
  EXPECT_TRUE(site.ask());
}

TEST(WorkerRefusals, NameAnotherOwnersWorker) {
  Site site;
  const keys::OwnerKey other = testing::fake_owner_key(9).public_key();
  const auto refused =
      testing::await(site.io, site.cache->release(site.worker, other, site.request()));
  EXPECT_REFUSED(refused, ErrorCode::Denied, keys::hex(other));
  EXPECT_TRUE(site.key_server.requests().empty());
}

TEST(WorkerRefusals, NameANonceThatWasUsedBefore) {
  Site site;
  const keys::ReleaseRequest asked = site.request();
  ASSERT_TRUE(site.ask(asked));
  EXPECT_REFUSED(site.ask(asked), ErrorCode::Denied, "nonce");
}

TEST(WorkerRefusals, StopANameThatIsNone) {
  Site site;
  keys::ReleaseRequest asked = site.request();
  asked.name = "../resnet50";
  EXPECT_REFUSED(site.ask(asked), ErrorCode::InvalidArgument, "name");
  EXPECT_TRUE(site.key_server.requests().empty());
}

TEST(WorkerRefusals, WaitForThePolicyToBegin) {
  Site site([](keys::Policy& p) { p.not_before = parse_rfc3339("2027-01-01T00:00:00Z").value(); });
  EXPECT_REFUSED(site.ask(), ErrorCode::Denied, "not_before");
}

/// One thing wrong with the key server or with what it answers.
struct Astray {
  const char* name;
  std::function<void(Site&)> lead;
  ErrorCode expected;
  const char* says;
};

class AstrayKeyServers : public ::testing::TestWithParam<Astray> {};

TEST_P(AstrayKeyServers, ReleaseNothing) {
  Site site;
  GetParam().lead(site);
  EXPECT_REFUSED(site.ask(), GetParam().expected, GetParam().says);
  EXPECT_EQ(site.cache->held(), 0u);
  EXPECT_EQ(site.lease_files(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    KeyCache, AstrayKeyServers,
    ::testing::Values(
        // A genuine but empty key server that somebody else started.
        Astray{"EmptyOne",
               [](Site& s) {
                 s.key_server =
                     testing::FakeKeyServer(testing::fake_genesis(0x98),
                                            s.claims(testing::fake_enclave(testing::kFakeKeyServer)));
               },
               ErrorCode::NotFound, "no such model"},
        Astray{"AnotherGenesis",
               [](Site& s) { s.key_server.set_genesis(testing::fake_genesis(0x98)); },
               ErrorCode::Untrusted, "genesis"},
        // The attacker registered that name at a key server, and answers with it.
        Astray{"TheAttackersModelOfThatName",
               [](Site& s) {
                 s.key_server.spoil([&s](keys::Release& release) {
                   release.statements = FakeOwner::with_one_version(s.policy, 66).statements();
                 });
               },
               ErrorCode::Untrusted, "asked for model"},
        Astray{"AnotherProgram",
               [](Site& s) { s.key_server.set_claims(s.claims(testing::fake_enclave(0x12))); },
               ErrorCode::Denied, "keyservers"},
        Astray{"ADebugKeyServer",
               [](Site& s) {
                 attest::SgxEnclave debug = testing::fake_enclave(testing::kFakeKeyServer);
                 debug.attributes[0] |= 0x02;
                 s.key_server.set_claims(s.claims(debug));
               },
               ErrorCode::Denied, "debug"},
        Astray{"AnotherKey",
               [](Site& s) {
                 s.key_server.spoil(
                     [](keys::Release& r) { r.data_key = testing::fake_data_key(9); });
               },
               ErrorCode::Untrusted, "key id"},
        Astray{"NoKey",
               [](Site& s) { s.key_server.spoil([](keys::Release& r) { r.data_key.reset(); }); },
               ErrorCode::Untrusted, "no key"},
        Astray{"AnOldAnswer",
               [](Site& s) { s.key_server.spoil([](keys::Release& r) { r.lease.nonce.fill(1); }); },
               ErrorCode::Untrusted, "nonce"},
        Astray{
            "ALongerLease",
            [](Site& s) { s.key_server.spoil([](keys::Release& r) { r.lease.seconds = 7200; }); },
            ErrorCode::Untrusted, "7200"},
        Astray{"AStatementLeftOut",
               [](Site& s) {
                 s.owner.say(s.owner.next_minimum(1));
                 s.key_server.serve(s.owner);
                 s.key_server.spoil(
                     [](keys::Release& r) { r.statements.erase(r.statements.begin() + 1); });
               },
               ErrorCode::Untrusted, "statements"}),
    [](const auto& param) { return param.param.name; });

TEST(KeyServerHistory, MayNotBeTakenBack) {
  Site site;
  site.owner.say(site.owner.next_version(2));
  site.key_server.serve(site.owner);
  ASSERT_TRUE(site.ask());
  // Rolled back to before version 2.
  site.key_server.spoil([](keys::Release& r) { r.statements.pop_back(); });
  site.clock.advance(std::chrono::minutes(30));
  EXPECT_REFUSED(site.ask(), ErrorCode::Untrusted, "do not continue");
  EXPECT_EQ(site.cache->held(), 1u);
  site.key_server.heal();
  EXPECT_TRUE(site.ask());
}

TEST(KeyServerHistory, CostsNoLeaseWhereItDoesNotVerify) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.key_server.spoil([](keys::Release& r) { r.statements[1] = r.statements[0]; });
  site.clock.advance(std::chrono::minutes(30));
  EXPECT_REFUSED(site.ask(), ErrorCode::Untrusted, "statement");
  EXPECT_EQ(site.cache->held(), 1u);
}

TEST(NonceMemory, ForgetsTheOldestOnly) {
  NonceMemory memory(2);
  const auto nonce = [](std::uint8_t name) {
    ByteArray<32> out{};
    out[0] = name;
    return out;
  };
  EXPECT_TRUE(memory.use(nonce(1)));
  EXPECT_TRUE(memory.use(nonce(2)));
  EXPECT_FALSE(memory.use(nonce(1)));
  EXPECT_TRUE(memory.use(nonce(3)));
  EXPECT_FALSE(memory.use(nonce(2)));
  EXPECT_FALSE(memory.use(nonce(3)));
  EXPECT_TRUE(memory.use(nonce(1)));
}

}  // namespace
}  // namespace torchkeep::keycache
