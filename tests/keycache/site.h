#pragma once

#include <gtest/gtest.h>

#include "torchkeep/crypto/digest.h"
#include "torchkeep/keycache/key_cache.h"

#include "tests/support/await.h"
#include "tests/support/fake_claims.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_key_server.h"
#include "tests/support/files.h"
#include "tests/support/recording_log.h"

/// A node with a key cache, its key server, and an owner with one version of one model.
namespace torchkeep::keycache {

using testing::FakeOwner;

inline attest::SgxEnclave worker_enclave() {
  return testing::fake_enclave(testing::kFakeWorker, 0x5403);
}

struct Site {
  explicit Site(const std::function<void(keys::Policy&)>& change = [](keys::Policy&) {}) {
    policy = testing::fake_policy(crypto::sha256(machine.root_key()));
    change(policy);
    owner = FakeOwner::with_one_version(policy);
    key_server.serve(owner);
    start();
  }

  /// A new process over the same folder.
  void start() {
    cache.reset();
    cache = std::make_unique<KeyCache>(key_server, sealed, clock, random, log);
  }
  attest::Claims claims(const attest::SgxEnclave& enclave) const {
    return testing::fake_claims(machine, enclave, clock.now());
  }
  keys::ReleaseRequest request(std::uint64_t version = 1) {
    keys::ReleaseRequest request;
    request.owner = owner.key();
    request.name = owner.name();
    request.version = version;
    request.nonce = random.array<32>();
    return request;
  }
  Result<keys::Release> ask(keys::ReleaseRequest asked) { return ask(std::move(asked), worker); }
  Result<keys::Release> ask(keys::ReleaseRequest asked, const attest::Claims& by) {
    return testing::await(io, cache->release(by, owner.key(), std::move(asked)));
  }
  Result<keys::Release> ask() { return ask(request()); }

  Path only_lease_file() const {
    std::vector<Path> files;
    for (const auto& entry : std::filesystem::directory_iterator(state)) {
      files.push_back(entry.path());
    }
    TORCHKEEP_CHECK(files.size() == 1);
    return files.front();
  }
  std::size_t lease_files() const {
    if (!std::filesystem::exists(state)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(state), {}));
  }

  asio::io_context io;
  testing::FakeClock clock;
  crypto::SystemRandom random;
  testing::TemporaryFolder folder;
  Path state = folder / "leases";
  testing::RecordingLog log;
  simulator::Machine machine = simulator::Machine::create(random, clock.now());
  testing::FakePlatform platform{machine, testing::fake_enclave(testing::kFakeKeyCache, 0x5402)};
  keys::Policy policy;
  FakeOwner owner;
  testing::FakeKeyServer key_server{testing::fake_genesis(),
                                    claims(testing::fake_enclave(testing::kFakeKeyServer, 0x5401))};
  attest::Claims worker = claims(worker_enclave());
  SealedLeases sealed{state, platform, log};
  std::unique_ptr<KeyCache> cache;
};

/// A failure reads: what was expected, then what came.
#define EXPECT_REFUSED(result, expected, says)                                           \
  do {                                                                                   \
    const auto& torchkeep_result = (result);                                             \
    ASSERT_FALSE(torchkeep_result) << "was accepted";                                    \
    const Error& torchkeep_error = torchkeep_result.error();                             \
    EXPECT_EQ(torchkeep_error.code, expected) << torchkeep_error;                        \
    EXPECT_NE(torchkeep_error.message.find(says), std::string::npos) << torchkeep_error; \
  } while (false)

}  // namespace torchkeep::keycache
