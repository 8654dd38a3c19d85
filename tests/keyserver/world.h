#pragma once

#include <cstdlib>
#include <iostream>

#include "torchkeep/crypto/digest.h"
#include "torchkeep/keyserver/key_server.h"

#include "tests/support/failing_key_store.h"
#include "tests/support/fake_claims.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_owner.h"
#include "tests/support/fake_platform.h"
#include "tests/support/memory_key_store.h"
#include "tests/support/recording_log.h"

/// One simulated machine, a key server on it, two owners, and what owners say.
namespace torchkeep::keyserver {

using testing::FailingKeyStore;

/// The value, or the end of a program that cannot do without it: tests and benchmarks alike.
template <typename T>
T must(Result<T> result) {
  if (result) return std::move(result).value();
  std::cerr << result.error() << std::endl;
  std::abort();
}

inline attest::SgxEnclave keyserver_enclave() {
  return testing::fake_enclave(testing::kFakeKeyServer, 0x5401);
}
inline attest::SgxEnclave cache_enclave() {
  return testing::fake_enclave(testing::kFakeKeyCache, 0x5402);
}

/// What one owner states about one model, on its way to the key server with the DEKs.
class Story {
 public:
  Story(std::uint8_t owner, std::string name, const Genesis& genesis, TimePoint time)
      : owner_(owner, std::move(name), genesis), time_(time) {}

  /// Fills in who, where and when, and signs; the story goes on behind it.
  keys::Submission say(keys::Statement statement, std::optional<crypto::DataKey> data_key = {}) {
    statement = complete(std::move(statement));
    owner_.say(statement);
    return {owner_.statements().back(), std::move(data_key)};
  }
  /// The same, but the story does not go on.
  keys::Submission draft(keys::Statement statement,
                         std::optional<crypto::DataKey> data_key = {}) const {
    return {owner_.sign(complete(std::move(statement))), std::move(data_key)};
  }

  static keys::Statement of(keys::StatementKind kind, std::uint64_t version = 0) {
    keys::Statement statement;
    statement.kind = kind;
    statement.version = version;
    return statement;
  }
  static keys::Statement policy(keys::StatementKind kind, keys::Policy policy) {
    keys::Statement statement = of(kind);
    statement.policy = std::move(policy);
    return statement;
  }
  static keys::Statement version(std::uint64_t number, const crypto::DataKey& data_key) {
    keys::Statement statement = of(keys::StatementKind::Version, number);
    statement.container_digest.bytes.fill(static_cast<std::uint8_t>(0xc0 + number));
    statement.key_id = keys::key_id(data_key.expose());
    return statement;
  }

  const keys::OwnerKey& owner() const { return owner_.key(); }
  const std::string& name() const { return owner_.name(); }
  ModelId model() const { return owner_.model(); }
  void set_time(TimePoint time) { time_ = time; }

 private:
  keys::Statement complete(keys::Statement statement) const {
    keys::Statement complete = owner_.next(statement.kind);
    complete.time = time_;
    complete.sequence += statement.sequence;  // so many too far ahead
    complete.policy = std::move(statement.policy);
    complete.version = statement.version;
    complete.container_digest = statement.container_digest;
    complete.key_id = statement.key_id;
    return complete;
  }
  testing::FakeOwner owner_;
  TimePoint time_;
};

inline constexpr std::uint8_t kOwner = 1;
inline constexpr std::uint8_t kOtherOwner = 2;

struct World {
  testing::FakeClock clock;
  crypto::SystemRandom random;
  simulator::Machine machine = simulator::Machine::create(random, clock.now());
  testing::FakePlatform platform{machine, keyserver_enclave()};
  testing::MemoryKeyStore memory;
  FailingKeyStore store{memory};
  testing::RecordingLog log;

  Trust trust() const { return {{crypto::sha256(machine.root_key())}, true}; }

  Result<std::unique_ptr<KeyServer>> try_open(keys::KeyStore& from) {
    return KeyServer::open(from, platform, trust(), clock, random, log);
  }
  std::unique_ptr<KeyServer> open() { return must(try_open(store)); }

  attest::Claims claims(const attest::SgxEnclave& enclave) const {
    return testing::fake_claims(machine, enclave, clock.now());
  }
  attest::Claims cache() const { return claims(cache_enclave()); }

  keys::Policy policy() const {
    keys::Policy policy = testing::fake_policy(trust().roots[0]);
    policy.lease_seconds = 600;
    policy.lease_requests = 1000;
    policy.any_client = true;
    return policy;
  }

  Story story(const KeyServer& server, std::string name = "resnet50") const {
    return Story(kOwner, std::move(name), server.genesis(), clock.now());
  }
  Story others_story(const KeyServer& server, std::string name = "resnet50") const {
    return Story(kOtherOwner, std::move(name), server.genesis(), clock.now());
  }

  /// Registers the story's model, and version 1 under `key`.
  void register_model(KeyServer& server, Story& story, std::uint8_t key) const {
    tell(server, story, Story::policy(keys::StatementKind::Register, policy()));
    tell_version(server, story, 1, key);
  }
  static keys::Receipt tell(KeyServer& server, Story& story, keys::Statement statement) {
    return must(server.submit(story.owner(), story.say(std::move(statement))));
  }
  static keys::Receipt tell_version(KeyServer& server, Story& story, std::uint64_t number,
                                    std::uint8_t key) {
    crypto::DataKey data_key = testing::fake_data_key(key);
    keys::Statement statement = Story::version(number, data_key);
    return must(server.submit(story.owner(), story.say(std::move(statement), std::move(data_key))));
  }

  static keys::ReleaseRequest request(const Story& story, std::uint64_t version = 1,
                                      bool renewal = false) {
    keys::ReleaseRequest request;
    request.owner = story.owner();
    request.name = story.name();
    request.version = version;
    request.nonce.fill(0x77);
    request.renewal = renewal;
    return request;
  }
};

}  // namespace torchkeep::keyserver
