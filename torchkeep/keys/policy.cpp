#include "torchkeep/keys/policy.h"

#include <algorithm>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/keys/internal/fields.h"

namespace torchkeep::keys {
namespace {

constexpr std::uint64_t kMaxSpanSeconds = 2'592'000;  // 30 days
constexpr std::uint64_t kMaxRequests = 1'000'000'000'000;
constexpr std::size_t kMaxRequirements = 64;
constexpr std::string_view kAccepted = "accepted";

using Requirements = std::vector<attest::HolderRequirement>;

Result<Requirements> take_requirements(json::ObjectReader& reader, std::string_view field) {
  const json::Json& list = *TRY(reader.take_array(field));
  if (list.empty() || list.size() > kMaxRequirements) {
    return malformed("policy: field \"", field, "\" lists ", list.size(),
                     " enclaves, allowed are 1 to ", kMaxRequirements);
  }
  Requirements out;
  for (const json::Json& element : list) {
    out.push_back(TRY(
        attest::parse_holder_requirement(element, text("policy.", field, "[", out.size(), "]"))));
  }
  return out;
}

json::Json encode_requirements(const Requirements& requirements) {
  json::Json out = json::Json::array();
  for (const auto& requirement : requirements) out.push_back(attest::encode(requirement));
  return out;
}

/// Absent means no: each of these fields loosens a policy.
Result<bool> find_allowance(json::ObjectReader& reader, std::string_view field) {
  return TRY(reader.find_bool(field)).value_or(false);
}

Result<std::optional<TimePoint>> find_time(json::ObjectReader& reader, std::string_view field) {
  if (!reader.has(field)) return std::optional<TimePoint>();
  return std::optional(TRY(internal::take_time(reader, field)));
}

Result<void> take_rollback(json::ObjectReader& reader) {
  const std::string rollback = TRY(reader.take_string("rollback")
                                       .context("without witnesses a key server's rollback goes "
                                                "unnoticed; say \"rollback\":\"accepted\""));
  if (rollback != kAccepted) {
    return malformed("policy: field \"rollback\" is not \"", kAccepted,
                     "\": there are no witnesses yet, so it must be said aloud");
  }
  return {};
}

/// A simulated root beside Intel's would let a simulation pass for the real thing.
Result<void> check_not_mixed(const attest::PlatformRequirement& platform) {
  const Digest256 intel = crypto::sha256(attest::intel_root_key());
  const bool lists_intel =
      std::find(platform.roots.begin(), platform.roots.end(), intel) != platform.roots.end();
  if (platform.simulated && lists_intel) {
    return malformed(
        "policy.platform: simulated, yet it lists Intel's own root; make one policy "
        "for the simulation and another for real machines");
  }
  return {};
}

std::vector<attest::Clause> examine_dates(const Policy& policy, TimePoint now) {
  std::vector<attest::Clause> out;
  if (policy.not_before) {
    const bool held = now >= *policy.not_before;
    out.push_back({.name = "not_before",
                   .held = held,
                   .found = format_rfc3339(now),
                   .wanted = text("no time before ", format_rfc3339(*policy.not_before)),
                   .way_out = held ? ""
                                   : "wait until then, or have the owner sign a policy that "
                                     "begins earlier"});
  }
  if (policy.not_after) {
    const bool held = now < *policy.not_after;
    out.push_back({.name = "not_after",
                   .held = held,
                   .found = format_rfc3339(now),
                   .wanted = text("a time before ", format_rfc3339(*policy.not_after)),
                   .way_out = held ? "" : "have the owner sign a policy that ends later"});
  }
  return out;
}

struct Holders {
  const Requirements& list;
  std::string_view name;
};
Holders holders_of(const Policy& policy, HolderRole role) {
  switch (role) {
    case HolderRole::KeyServer: return {policy.keyservers, "keyservers"};
    case HolderRole::Cache: return {policy.caches, "caches"};
    case HolderRole::Worker: return {policy.workers, "workers"};
  }
  TORCHKEEP_CHECK(false);
  return {policy.workers, ""};
}

}  // namespace

Result<Policy> parse_policy(const json::Json& value) {
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "policy"));
  TRY(internal::take_format(reader));
  Policy policy;
  policy.platform =
      TRY(attest::parse_platform_requirement(*TRY(reader.take_any("platform")), "policy.platform"));
  TRY(check_not_mixed(policy.platform));
  policy.keyservers = TRY(take_requirements(reader, "keyservers"));
  policy.caches = TRY(take_requirements(reader, "caches"));
  policy.workers = TRY(take_requirements(reader, "workers"));
  policy.lease_seconds = TRY(internal::take_between(reader, "lease_seconds", 1, kMaxSpanSeconds));
  policy.lease_requests = TRY(internal::take_between(reader, "lease_requests", 0, kMaxRequests));
  if (reader.has("offline_grace_seconds")) {
    policy.offline_grace_seconds =
        TRY(internal::take_between(reader, "offline_grace_seconds", 0, kMaxSpanSeconds));
  }
  policy.offline_restart = TRY(find_allowance(reader, "offline_restart"));
  policy.any_client = TRY(find_allowance(reader, "any_client"));
  policy.operator_mode = TRY(find_allowance(reader, "operator_mode"));
  policy.not_before = TRY(find_time(reader, "not_before"));
  policy.not_after = TRY(find_time(reader, "not_after"));
  if (policy.not_before && policy.not_after && *policy.not_before >= *policy.not_after) {
    return malformed("policy: not_after ", format_rfc3339(*policy.not_after),
                     " does not come after not_before ", format_rfc3339(*policy.not_before));
  }
  TRY(take_rollback(reader));
  TRY(reader.finish());
  return policy;
}

json::Json encode(const Policy& policy) {
  json::Json out = {{"any_client", policy.any_client},
                    {"caches", encode_requirements(policy.caches)},
                    {"format", 1u},
                    {"keyservers", encode_requirements(policy.keyservers)},
                    {"lease_requests", policy.lease_requests},
                    {"lease_seconds", policy.lease_seconds},
                    {"offline_grace_seconds", policy.offline_grace_seconds},
                    {"offline_restart", policy.offline_restart},
                    {"operator_mode", policy.operator_mode},
                    {"platform", attest::encode(policy.platform)},
                    {"rollback", kAccepted},
                    {"workers", encode_requirements(policy.workers)}};
  if (policy.not_before) out["not_before"] = format_rfc3339(*policy.not_before);
  if (policy.not_after) out["not_after"] = format_rfc3339(*policy.not_after);
  return out;
}

Digest256 policy_hash(const Policy& policy) {
  return crypto::sha256(as_bytes(json::encode_canonical(encode(policy))));
}

Result<void> check_operator_mode(const Policy& policy) {
  if (policy.operator_mode) return {};
  return denied(
      "its operators are to be called one by one, from whose answers a caller can solve for its "
      "parameters; the owner's policy does not allow that (clause operator_mode)");
}

std::vector<attest::Clause> examine_holder(const Policy& policy, HolderRole role,
                                           const attest::Claims& claims, TimePoint now) {
  std::vector<attest::Clause> out = examine_dates(policy, now);
  const auto [holders, name] = holders_of(policy, role);
  for (auto& clause : attest::examine(claims, policy.platform, holders, name, now)) {
    out.push_back(std::move(clause));
  }
  return out;
}

Result<void> appraise_holder(const Policy& policy, HolderRole role, const attest::Claims& claims,
                             TimePoint now) {
  for (const attest::Clause& clause : examine_holder(policy, role, claims, now)) {
    if (clause.held) continue;
    return to_error(attest::Refusal{clause.name, clause.found, clause.wanted, clause.way_out});
  }
  return {};
}

}  // namespace torchkeep::keys
