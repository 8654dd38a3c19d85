#pragma once

#include "torchkeep/attest/appraise.h"

/// Who may hold a model's key, and for how long: one document a model, signed by its owner.
/// Grammar: docs/formats/policy.md.
namespace torchkeep::keys {

struct Policy {
  attest::PlatformRequirement platform;
  std::vector<attest::HolderRequirement> keyservers;
  std::vector<attest::HolderRequirement> caches;
  std::vector<attest::HolderRequirement> workers;
  std::uint64_t lease_seconds = 0;   ///< 1 to 2,592,000.
  std::uint64_t lease_requests = 0;  ///< Inference requests a lease allows; 0: not limited.
  std::uint64_t offline_grace_seconds =
      0;                         ///< How long a cache may release without the key server.
  bool offline_restart = false;  ///< A restarted cache may release before it is on line.
  std::optional<TimePoint> not_before;
  std::optional<TimePoint> not_after;
  bool any_client = false;     ///< Default none; lists of keys come later.
  bool operator_mode = false;  ///< Single operators may be called.
  // "rollback":"accepted" is required in the document: there are no witnesses yet.
};

/// Errors: Malformed, naming the field (unknown ones too).
Result<Policy> parse_policy(const json::Json& value);
json::Json encode(const Policy& policy);
/// SHA-256 of the canonical JSON.
Digest256 policy_hash(const Policy& policy);

/// Whether single operators of a model may be called. Errors: Denied, clause `operator_mode`.
Result<void> check_operator_mode(const Policy& policy);

/// Appraises one enclave or trust domain for its role, and the policy's own dates.
/// Errors: Denied, with the first clause that fails.
enum class HolderRole { KeyServer, Cache, Worker };
Result<void> appraise_holder(const Policy& policy, HolderRole role, const attest::Claims& claims,
                             TimePoint now);
/// Every clause that `appraise_holder` looks at, whether it held or not.
std::vector<attest::Clause> examine_holder(const Policy& policy, HolderRole role,
                                           const attest::Claims& claims, TimePoint now);

}  // namespace torchkeep::keys
