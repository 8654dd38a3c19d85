#include "torchkeep/attest/appraise.h"

#include <algorithm>
#include <chrono>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::attest {
namespace {

/// Nothing, if the clauses hold.
using Finding = std::optional<Refusal>;

constexpr std::size_t kShownChoices = 4;

std::string one_of(const std::vector<std::string>& choices) {
  if (choices.size() == 1) return choices[0];
  std::string out = "one of ";
  for (std::size_t i = 0; i < std::min(choices.size(), kShownChoices); ++i) {
    out += (i == 0 ? "" : ", ") + choices[i];
  }
  if (choices.size() > kShownChoices) out += text(" and ", choices.size() - kShownChoices, " more");
  return out;
}

template <typename Range>
std::string one_of_hex(const Range& range) {
  std::vector<std::string> choices;
  for (const auto& bytes : range) choices.push_back(encode_hex(bytes));
  return one_of(choices);
}

template <typename Range, typename Value>
bool holds(const Range& range, const Value& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

std::string_view kind_of(bool simulated) { return simulated ? "simulated" : "real"; }

Finding check_root(const Claims& claims, const PlatformRequirement& wanted) {
  const bool simulated = claims.root_key_hash() != crypto::sha256(intel_root_key());
  if (simulated != wanted.simulated) {
    return Refusal{"platform.simulated", text("evidence of a ", kind_of(simulated), " platform"),
                   text("a ", kind_of(wanted.simulated), " one"),
                   "use a build, a machine and a policy of the same kind"};
  }
  if (holds(wanted.roots, claims.root_key_hash())) return {};
  return Refusal{"platform.roots", encode_hex(claims.root_key_hash()), one_of_hex(wanted.roots),
                 "the machine is vouched for by another root of trust; use one under an accepted "
                 "root, or have the owner sign a policy that lists this one"};
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

std::string describe_tcb(const Claims& claims) {
  std::string out(name_of(claims.tcb_status().value_or(TcbStatus::Revoked)));
  if (!claims.shortfalls().empty()) out += " (" + to_text(claims.shortfalls()) + ")";
  for (const std::string& advisory : claims.advisories()) out += " " + advisory;
  return out;
}

Finding check_tcb(const Claims& claims, const PlatformRequirement& wanted) {
  const TcbStatus status = claims.tcb_status().value_or(TcbStatus::Revoked);
  if (status == TcbStatus::Revoked || !holds(wanted.tcb_statuses, status)) {
    std::vector<std::string> statuses;
    for (const TcbStatus accepted : wanted.tcb_statuses) statuses.emplace_back(name_of(accepted));
    return Refusal{"platform.tcb_statuses", describe_tcb(claims), one_of(statuses),
                   std::string(way_out_of(status))};
  }
  if (status == TcbStatus::UpToDate) return {};
  for (const std::string& advisory : claims.advisories()) {
    if (holds(wanted.accepted_advisories, advisory)) continue;
    return Refusal{"platform.accepted_advisories", text(advisory, " with ", describe_tcb(claims)),
                   wanted.accepted_advisories.empty() ? "no open advisory"
                                                      : one_of(wanted.accepted_advisories),
                   text("read https://www.intel.com/content/www/us/en/security-center/advisory/",
                        advisory, "; mitigate it, or have the owner accept it in the policy")};
  }
  return {};
}

Finding check_collateral(const Claims& claims, const PlatformRequirement& wanted, TimePoint now) {
  if (claims.tcb_evaluation_data_number() < wanted.min_tcb_evaluation_data_number) {
    return Refusal{"platform.min_tcb_evaluation_data_number",
                   text(claims.tcb_evaluation_data_number()),
                   text("at least ", wanted.min_tcb_evaluation_data_number),
                   "the PCCS serves an old judgement of Intel's; have it refresh its cache, with "
                   "update=early if the number is new"};
  }
  if (now > claims.collateral_expires()) {
    return Refusal{"collateral", text("expired at ", format_rfc3339(claims.collateral_expires())),
                   text("current at ", format_rfc3339(now)),
                   "fetch fresh collateral from the PCCS and attest anew"};
  }
  if (wanted.max_collateral_age_seconds == 0) return {};
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(now - claims.collateral_issued());
  const std::int64_t seconds = std::max<std::int64_t>(age.count(), 0);
  if (static_cast<std::uint64_t>(seconds) <= wanted.max_collateral_age_seconds) return {};
  return Refusal{"platform.max_collateral_age_seconds",
                 text(seconds, " (issued at ", format_rfc3339(claims.collateral_issued()), ")"),
                 text("at most ", wanted.max_collateral_age_seconds),
                 "have the PCCS refresh its cache; if this is its newest, the policy asks for more "
                 "than Intel publishes"};
}

Finding check_platform(const Claims& claims, const PlatformRequirement& wanted, TimePoint now) {
  if (auto finding = check_root(claims, wanted)) return finding;
  if (auto finding = check_tcb(claims, wanted)) return finding;
  if (auto finding = check_collateral(claims, wanted, now)) return finding;
  if (wanted.any_platform || holds(wanted.platforms, claims.platform_instance())) return {};
  return Refusal{
      "platform.platforms", encode_hex(claims.platform_instance()),
      wanted.platforms.empty() ? "a listed machine; none is listed" : one_of_hex(wanted.platforms),
      "run it on a listed machine, or have the owner add this one to the policy"};
}

/// What does not fit, and how far off it is: 0 fits.
struct Misfit {
  int distance = 0;
  Refusal refusal = {};
};

Misfit compare(const SgxEnclave& enclave, const EnclaveRequirement& wanted) {
  if (!wanted.mr_enclaves.empty()) {
    if (holds(wanted.mr_enclaves, enclave.mr_enclave)) return {};
    return {3,
            {"mr_enclave", encode_hex(enclave.mr_enclave), one_of_hex(wanted.mr_enclaves),
             "another program runs there; run the listed build, or, if this one shall hold the "
             "key, have the owner add its measurement to the policy and sign it"}};
  }
  if (!wanted.mr_signer) {
    return {5,
            {"mr_enclave", encode_hex(enclave.mr_enclave), "an enclave; the policy names none",
             "have the owner sign a policy that names the enclave"}};
  }
  if (enclave.mr_signer != *wanted.mr_signer) {
    return {4,
            {"mr_signer", encode_hex(enclave.mr_signer), encode_hex(*wanted.mr_signer),
             "the program was signed by another party; run the build of the listed signer"}};
  }
  if (enclave.isv_prod_id != wanted.isv_prod_id) {
    return {2,
            {"isv_prod_id", text(enclave.isv_prod_id), text(wanted.isv_prod_id),
             "this is another program of the same signer; run the one for this role"}};
  }
  if (enclave.isv_svn < wanted.min_isv_svn) {
    return {1,
            {"min_isv_svn", text(enclave.isv_svn), text("at least ", wanted.min_isv_svn),
             "the program is an old release with known faults; update it"}};
  }
  return {};
}

Finding check_enclave(const SgxEnclave& enclave, const std::vector<EnclaveRequirement>& wanted,
                      std::string_view role) {
  if (wanted.empty()) {
    return Refusal{std::string(role), encode_hex(enclave.mr_enclave), "none: the list is empty",
                   "have the owner sign a policy that names the enclave"};
  }
  std::size_t closest = 0;
  Misfit best = compare(enclave, wanted[0]);
  for (std::size_t i = 1; i < wanted.size() && best.distance > 0; ++i) {
    Misfit misfit = compare(enclave, wanted[i]);
    if (misfit.distance >= best.distance) continue;
    closest = i;
    best = std::move(misfit);
  }
  const std::string place = text(role, "[", closest, "].");
  // Said first even of the wrong enclave: nothing else matters of one whose memory is open.
  if (enclave.debug()) {
    return Refusal{place + "debug", "a debug enclave, whose memory the host can read",
                   "one that runs without DEBUG in its ATTRIBUTES",
                   "sign and start it without debug mode; no policy accepts it"};
  }
  if (best.distance == 0) return {};
  best.refusal.clause.insert(0, place);
  return best.refusal;
}

}  // namespace

Error to_error(const Refusal& refusal) {
  return denied("clause ", refusal.clause, ": found ", refusal.found, ", wanted ", refusal.wanted,
                "; ", refusal.way_out);
}

Result<void> appraise(const Claims& claims, const PlatformRequirement& platform,
                      const std::vector<EnclaveRequirement>& enclaves, std::string_view role,
                      TimePoint now) {
  const SgxEnclave* const enclave = claims.find_enclave();
  if (enclave == nullptr) {
    return to_error({std::string(role), to_text(claims.attested()), "an SGX enclave",
                     "policies of this version name SGX enclaves only; run the program in one"});
  }
  // The enclave first: who runs the wrong program does not care for the machine's microcode.
  if (const auto finding = check_enclave(*enclave, enclaves, role)) return to_error(*finding);
  if (const auto finding = check_platform(claims, platform, now)) return to_error(*finding);
  return {};
}

}  // namespace torchkeep::attest
