#include <chrono>

#include "torchkeep/attest/internal/clauses.h"
#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

// What a policy asks of the machine.
namespace torchkeep::attest {
namespace {

std::string kind_of(bool simulated) { return simulated ? "simulated" : "real"; }

Clause check_simulated(const Claims& claims, const PlatformRequirement& wanted) {
  const bool simulated = claims.root_key_hash() != crypto::sha256(intel_root_key());
  return make_clause("platform.simulated", simulated == wanted.simulated,
                     "evidence of a " + kind_of(simulated) + " platform",
                     "a " + kind_of(wanted.simulated) + " one",
                     "use a build, a machine and a policy of the same kind");
}

Clause check_root(const Claims& claims, const PlatformRequirement& wanted) {
  return make_clause("platform.roots", holds(wanted.roots, claims.root_key_hash()),
                     encode_hex(claims.root_key_hash()), one_of_hex(wanted.roots),
                     "the machine is vouched for by another root of trust; use one under an "
                     "accepted root, or have the owner sign a policy that lists this one");
}

std::string_view way_out_of(TcbStatus status) {
  switch (status) {
    case TcbStatus::UpToDate: return "have the owner sign a policy that accepts UpToDate";
    case TcbStatus::SWHardeningNeeded:
      return "the machine is patched, but enclaves need hardened code against the advisories; if "
             "this enclave has it, have the owner sign a policy that accepts the status";
    case TcbStatus::ConfigurationNeeded:
    case TcbStatus::ConfigurationAndSWHardeningNeeded:
      return "change the machine's BIOS settings as the advisories say (often: hyper-threading "
             "off), provision it anew, or have the owner sign a policy that accepts the status";
    case TcbStatus::OutOfDate:
    case TcbStatus::OutOfDateConfigurationNeeded:
      return "update the machine's BIOS, microcode and SGX software, provision its PCK certificate "
             "anew, then try again";
    case TcbStatus::TDRelaunchAdvised:
    case TcbStatus::TDRelaunchAdvisedConfigurationNeeded:
      return "start the trust domain anew, it began under an older TDX module";
    case TcbStatus::Revoked: break;
  }
  return "use another machine: Intel no longer vouches for this one";
}

// Claims of an enclave or a trust domain always have one.
TcbStatus status_of(const Claims& claims) {
  return claims.tcb_status().value_or(TcbStatus::Revoked);
}

std::string describe_tcb(const Claims& claims) {
  std::string out(name_of(status_of(claims)));
  if (!claims.shortfalls().empty()) out += " (" + to_text(claims.shortfalls()) + ")";
  for (const std::string& advisory : claims.advisories()) out += " " + advisory;
  return out;
}

Clause check_status(const Claims& claims, const PlatformRequirement& wanted) {
  const TcbStatus status = status_of(claims);
  std::vector<std::string> statuses;
  for (const TcbStatus accepted : wanted.tcb_statuses) statuses.emplace_back(name_of(accepted));
  const bool accepted = status != TcbStatus::Revoked && holds(wanted.tcb_statuses, status);
  return make_clause("platform.tcb_statuses", accepted, describe_tcb(claims), one_of(statuses),
                     std::string(way_out_of(status)));
}

Clause check_advisories(const Claims& claims, const PlatformRequirement& wanted) {
  const std::string name = "platform.accepted_advisories";
  const std::string accepted =
      wanted.accepted_advisories.empty() ? "no open advisory" : one_of(wanted.accepted_advisories);
  if (status_of(claims) == TcbStatus::UpToDate) {
    return make_clause(name, true, "UpToDate, for which none counts", accepted, "");
  }
  for (const std::string& advisory : claims.advisories()) {
    if (holds(wanted.accepted_advisories, advisory)) continue;
    return make_clause(
        name, false, text(advisory, " with ", describe_tcb(claims)), accepted,
        text("read https://www.intel.com/content/www/us/en/security-center/advisory/", advisory,
             "; mitigate it, or have the owner accept it in the policy"));
  }
  const bool none = claims.advisories().empty();
  return make_clause(name, true, none ? "none" : one_of(claims.advisories()), accepted, "");
}

Clause check_evaluation(const Claims& claims, const PlatformRequirement& wanted) {
  return make_clause("platform.min_tcb_evaluation_data_number",
                     claims.tcb_evaluation_data_number() >= wanted.min_tcb_evaluation_data_number,
                     text(claims.tcb_evaluation_data_number()),
                     text("at least ", wanted.min_tcb_evaluation_data_number),
                     "the PCCS serves an old judgement of Intel's; have it refresh its cache, with "
                     "update=early if the number is new");
}

Clause check_current(const Claims& claims, TimePoint now) {
  const bool current = now <= claims.collateral_expires();
  return make_clause(
      "collateral", current,
      text(current ? "expires at " : "expired at ", format_rfc3339(claims.collateral_expires())),
      text("current at ", format_rfc3339(now)),
      "fetch fresh collateral from the PCCS and attest anew");
}

Clause check_age(const Claims& claims, const PlatformRequirement& wanted, TimePoint now) {
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(now - claims.collateral_issued());
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(age.count(), 0));
  const std::uint64_t max = wanted.max_collateral_age_seconds;
  return make_clause(
      "platform.max_collateral_age_seconds", max == 0 || seconds <= max,
      text(seconds, " (issued at ", format_rfc3339(claims.collateral_issued()), ")"),
      max == 0 ? "any, while the documents are current" : text("at most ", max),
      "have the PCCS refresh its cache; if this is its newest, the policy asks for more than Intel "
      "publishes");
}

Clause check_instance(const Claims& claims, const PlatformRequirement& wanted) {
  const bool listed = holds(wanted.platforms, claims.platform_instance());
  std::string accepted = "a listed machine; none is listed";
  if (wanted.any_platform) {
    accepted = "any machine";
  } else if (!wanted.platforms.empty()) {
    accepted = one_of_hex(wanted.platforms);
  }
  return make_clause("platform.platforms", wanted.any_platform || listed,
                     encode_hex(claims.platform_instance()), std::move(accepted),
                     "run it on a listed machine, or have the owner add this one to the policy");
}

}  // namespace

std::vector<Clause> examine_platform(const Claims& claims, const PlatformRequirement& wanted,
                                     TimePoint now) {
  return {check_simulated(claims, wanted),  check_root(claims, wanted),
          check_status(claims, wanted),     check_advisories(claims, wanted),
          check_evaluation(claims, wanted), check_current(claims, now),
          check_age(claims, wanted, now),   check_instance(claims, wanted)};
}

}  // namespace torchkeep::attest
