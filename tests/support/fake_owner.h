#pragma once

#include <string>
#include <utility>
#include <vector>

#include "torchkeep/keys/messages.h"

/// An owner in a test: signs whatever it is told to, sense or not.
namespace torchkeep::testing {

inline crypto::Ed25519PrivateKey fake_owner_key(std::uint8_t seed) {
  SecretBytes bytes(32);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.expose()[i] = static_cast<std::uint8_t>(seed + i);
  }
  return crypto::Ed25519PrivateKey::from_seed(std::move(bytes)).value();
}

/// A DEK of its own for each `seed`.
inline crypto::DataKey fake_data_key(std::uint8_t seed) {
  SecretBytes bytes(crypto::kKeyBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.expose()[i] = static_cast<std::uint8_t>(seed * 3 + i);
  }
  return crypto::DataKey::from_bytes(std::move(bytes)).value();
}

/// MRENCLAVEs whose bytes are all `name`, as `fake_enclave` has them.
inline attest::EnclaveRequirement fake_requirement(std::uint8_t name) {
  attest::EnclaveRequirement requirement;
  requirement.mr_enclaves.emplace_back().fill(name);
  return requirement;
}

inline constexpr std::uint8_t kFakeKeyServer = 0x11;
inline constexpr std::uint8_t kFakeKeyCache = 0x22;
inline constexpr std::uint8_t kFakeWorker = 0x33;

/// Lets the fake enclaves above hold the key for an hour, on any machine under `root`.
inline keys::Policy fake_policy(const Digest256& root) {
  keys::Policy policy;
  policy.platform.simulated = true;
  policy.platform.roots = {root};
  policy.platform.tcb_statuses = {attest::TcbStatus::UpToDate};
  policy.platform.any_platform = true;
  policy.keyservers = {fake_requirement(kFakeKeyServer)};
  policy.caches = {fake_requirement(kFakeKeyCache)};
  policy.workers = {fake_requirement(kFakeWorker)};
  policy.lease_seconds = 3600;
  return policy;
}
inline keys::Policy fake_policy() {
  Digest256 root;
  root.fill(0x77);
  return fake_policy(root);
}

inline Genesis fake_genesis(std::uint8_t name = 0x99) {
  Genesis genesis;
  genesis.bytes.fill(name);
  return genesis;
}

/// One model's statements. `say` signs the next one, whatever was changed about it.
class FakeOwner {
 public:
  explicit FakeOwner(std::uint8_t seed = 1, std::string name = "resnet50",
                     Genesis genesis = fake_genesis())
      : key_(fake_owner_key(seed)), name_(std::move(name)), genesis_(genesis) {}

  const keys::OwnerKey& key() const { return key_.public_key(); }
  const crypto::Ed25519PrivateKey& signing_key() const { return key_; }
  const std::string& name() const { return name_; }
  ModelId model() const { return keys::model_id(key(), name_); }
  const std::vector<keys::SignedStatement>& statements() const { return statements_; }

  /// The statement that comes next, of one kind; not yet said.
  keys::Statement next(keys::StatementKind kind) const {
    keys::Statement statement;
    statement.kind = kind;
    statement.genesis = genesis_;
    statement.owner = key();
    statement.name = name_;
    statement.sequence = statements_.size();
    if (!statements_.empty()) statement.previous = keys::hash_of(statements_.back());
    statement.time =
        parse_rfc3339("2026-11-23T09:00:00Z").value() + std::chrono::minutes(statement.sequence);
    return statement;
  }
  keys::SignedStatement sign(const keys::Statement& statement) const {
    return keys::sign_statement(statement, key_);
  }
  FakeOwner& say(const keys::Statement& statement) {
    statements_.push_back(sign(statement));
    return *this;
  }

  keys::Statement next_register(const keys::Policy& policy) const {
    keys::Statement statement = next(keys::StatementKind::Register);
    statement.policy = policy;
    return statement;
  }
  keys::Statement next_policy(const keys::Policy& policy) const {
    keys::Statement statement = next(keys::StatementKind::Policy);
    statement.policy = policy;
    return statement;
  }
  /// Version `version`, whose DEK is fake_data_key(version).
  keys::Statement next_version(std::uint64_t version) const {
    keys::Statement statement = next(keys::StatementKind::Version);
    statement.version = version;
    statement.container_digest.bytes.fill(static_cast<std::uint8_t>(version));
    statement.key_id = keys::key_id(fake_data_key(static_cast<std::uint8_t>(version)).expose());
    return statement;
  }
  keys::Statement next_minimum(std::uint64_t version) const {
    keys::Statement statement = next(keys::StatementKind::Minimum);
    statement.version = version;
    return statement;
  }
  keys::Statement next_revoke(std::uint64_t version) const {
    keys::Statement statement = next(keys::StatementKind::Revoke);
    statement.version = version;
    return statement;
  }

  /// Register with `policy`, then version 1.
  static FakeOwner with_one_version(const keys::Policy& policy, std::uint8_t seed = 1,
                                    Genesis genesis = fake_genesis()) {
    FakeOwner owner(seed, "resnet50", genesis);
    owner.say(owner.next_register(policy));
    owner.say(owner.next_version(1));
    return owner;
  }

 private:
  crypto::Ed25519PrivateKey key_;
  std::string name_;
  Genesis genesis_;
  std::vector<keys::SignedStatement> statements_;
};

}  // namespace torchkeep::testing
