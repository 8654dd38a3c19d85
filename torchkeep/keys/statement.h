#pragma once

#include <map>

#include "torchkeep/keys/identity.h"
#include "torchkeep/keys/policy.h"

/// What an owner says about a model, signed and chained; verified inside every enclave that acts on it.
/// Grammar: docs/formats/statement.md.
namespace torchkeep::keys {

enum class StatementKind { Register, Version, Policy, Minimum, Suspend, Resume, Revoke };
std::string_view name_of(StatementKind kind);

struct Statement {
  StatementKind kind = StatementKind::Register;
  Genesis genesis;        ///< The one key server that it is for.
  OwnerKey owner;
  std::string name;       ///< The model's; with `owner` it makes the model id.
  std::uint64_t sequence = 0;  ///< 0 for Register, then one more each.
  StatementHash previous;      ///< Zero for Register.
  TimePoint time;
  std::optional<Policy> policy;              ///< Register, Policy.
  std::uint64_t version = 0;                 ///< Version, Minimum, Revoke (0 there: the whole model).
  ContainerDigest container_digest;          ///< Version.
  KeyId key_id;                              ///< Version.

  ModelId model() const { return model_id(owner, name); }
};

/// Canonical JSON as it is signed, and the signature. Trusts nothing until verified.
struct SignedStatement {
  Bytes body;
  crypto::Ed25519Signature signature{};
};

SignedStatement sign_statement(const Statement& statement, const crypto::Ed25519PrivateKey& owner);
/// SHA-256("torchkeep/statement/v1" || body || signature).
StatementHash hash_of(const SignedStatement& statement);
/// {"body":base64,"signature":hex}
json::Json encode(const SignedStatement& statement);
Result<SignedStatement> parse_signed_statement(const json::Json& value);

/// A model's whole chain, verified from its Register statement on. *Immutable but for `append`.*
class ModelChain {
 public:
  /// Verifies every signature, the links, the sequence, the genesis and each step's sense (no version
  /// twice, no lower minimum, nothing after a whole revocation).
  /// Errors: Malformed, Untrusted, Denied; an empty chain is Malformed.
  static Result<ModelChain> verify(const std::vector<SignedStatement>& statements);

  /// Verifies one more and takes it in; unchanged if it is refused. The same statement again: Denied.
  Result<void> append(const SignedStatement& statement);

  struct Version {
    ContainerDigest container_digest;
    KeyId key_id;
    StatementHash statement;
    bool revoked = false;
  };

  const OwnerKey& owner() const { return owner_; }
  const std::string& name() const { return name_; }
  ModelId model() const { return model_id(owner_, name_); }
  const Genesis& genesis() const { return genesis_; }
  const Policy& policy() const { return policy_; }
  std::uint64_t minimum_version() const { return minimum_version_; }
  bool suspended() const { return suspended_; }
  bool revoked() const { return revoked_; }
  const std::map<std::uint64_t, Version>& versions() const { return versions_; }
  const std::vector<SignedStatement>& statements() const { return statements_; }
  StatementHash head() const { return hash_of(statements_.back()); }
  std::uint64_t next_sequence() const { return statements_.size(); }
  TimePoint newest_time() const { return newest_time_; }  ///< Authenticated: for ForwardClock.

  /// The version, if it may be released at all now. Errors: NotFound; Denied (revoked, suspended,
  /// below the owner's minimum), with the way out.
  Result<Version> releasable(std::uint64_t version) const;

 private:
  ModelChain() = default;
  OwnerKey owner_;
  std::string name_;
  Genesis genesis_;
  Policy policy_;
  std::uint64_t minimum_version_ = 1;
  bool suspended_ = false;
  bool revoked_ = false;
  std::map<std::uint64_t, Version> versions_;
  std::vector<SignedStatement> statements_;
  TimePoint newest_time_;
};

}  // namespace torchkeep::keys
