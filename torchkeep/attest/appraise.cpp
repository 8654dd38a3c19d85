#include "torchkeep/attest/appraise.h"

#include "torchkeep/attest/internal/clauses.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

constexpr std::size_t kShownChoices = 4;

template <typename Wanted>
bool names_any(const std::vector<HolderRequirement>& holders) {
  return std::any_of(holders.begin(), holders.end(), [](const HolderRequirement& holder) {
    return std::holds_alternative<Wanted>(holder);
  });
}

/// Said first even of the wrong program: nothing else matters of one whose memory is open.
Clause check_debug(const Claims& claims, const std::string& place) {
  const bool enclave = claims.find_enclave() != nullptr;
  const std::string what = enclave ? "enclave" : "trust domain";
  return make_clause(
      place + "debug", !claims.debug(),
      claims.debug() ? "a debug " + what + ", whose memory the host can read" : "not in debug mode",
      text("one that runs without DEBUG in its ", enclave ? "ATTRIBUTES" : "TDATTRIBUTES"),
      "sign and start it without debug mode; no policy accepts it");
}

/// The clauses of the entry that comes closest. At least one entry is of this kind.
template <typename Wanted, typename Found>
std::vector<Clause> examine_closest(const Claims& claims, const Found& found,
                                    const std::vector<HolderRequirement>& holders,
                                    std::string_view role) {
  std::optional<Fit> best;
  std::size_t closest = 0;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    const Wanted* const wanted = std::get_if<Wanted>(&holders[i]);
    if (wanted == nullptr) continue;
    Fit fit = compare(found, *wanted);
    if (best && fit.distance >= best->distance) continue;
    closest = i;
    best = std::move(fit);
  }
  TORCHKEEP_CHECK(best.has_value());
  const std::string place = text(role, "[", closest, "].");
  std::vector<Clause> out = {check_debug(claims, place)};
  for (Clause& clause : best->clauses) {
    clause.name.insert(0, place);
    out.push_back(std::move(clause));
  }
  return out;
}

Clause wrong_kind(const Claims& claims, const std::vector<HolderRequirement>& holders,
                  std::string_view role) {
  std::string wanted = "none: the list is empty";
  std::string way_out = "have the owner sign a policy that names it";
  if (claims.find_guest() != nullptr) {
    way_out =
        "no policy of this version can name an SEV-SNP guest; run the program in an SGX enclave or "
        "a TDX trust domain";
  }
  if (!holders.empty()) {
    wanted = names_any<EnclaveRequirement>(holders) ? "an SGX enclave" : "a TDX trust domain";
  }
  if (names_any<EnclaveRequirement>(holders) && names_any<TrustDomainRequirement>(holders)) {
    wanted = "an SGX enclave or a TDX trust domain";
  }
  return make_clause(std::string(role), false, to_text(claims.attested()), std::move(wanted),
                     std::move(way_out));
}

std::vector<Clause> examine_holder(const Claims& claims,
                                   const std::vector<HolderRequirement>& holders,
                                   std::string_view role) {
  const SgxEnclave* const enclave = claims.find_enclave();
  if (enclave != nullptr && names_any<EnclaveRequirement>(holders)) {
    return examine_closest<EnclaveRequirement>(claims, *enclave, holders, role);
  }
  const TdReport* const domain = claims.find_trust_domain();
  if (domain != nullptr && names_any<TrustDomainRequirement>(holders)) {
    return examine_closest<TrustDomainRequirement>(claims, *domain, holders, role);
  }
  return {wrong_kind(claims, holders, role)};
}

}  // namespace

Clause make_clause(std::string name, bool held, std::string found, std::string wanted,
                   std::string way_out) {
  if (held) way_out.clear();
  return {std::move(name), held, std::move(found), std::move(wanted), std::move(way_out)};
}

std::string one_of(const std::vector<std::string>& choices) {
  if (choices.size() == 1) return choices[0];
  std::string out = "one of ";
  for (std::size_t i = 0; i < std::min(choices.size(), kShownChoices); ++i) {
    out += (i == 0 ? "" : ", ") + choices[i];
  }
  if (choices.size() > kShownChoices) out += text(" and ", choices.size() - kShownChoices, " more");
  return out;
}

Error to_error(const Refusal& refusal) {
  return denied("clause ", refusal.clause, ": found ", refusal.found, ", wanted ", refusal.wanted,
                "; ", refusal.way_out);
}

std::vector<Clause> examine(const Claims& claims, const PlatformRequirement& platform,
                            const std::vector<HolderRequirement>& holders, std::string_view role,
                            TimePoint now) {
  // The holder first: who runs the wrong program does not care for the machine's microcode.
  std::vector<Clause> out = examine_holder(claims, holders, role);
  if (claims.find_guest() != nullptr) return out;
  for (Clause& clause : examine_platform(claims, platform, now)) out.push_back(std::move(clause));
  return out;
}

Result<void> appraise(const Claims& claims, const PlatformRequirement& platform,
                      const std::vector<HolderRequirement>& holders, std::string_view role,
                      TimePoint now) {
  for (const Clause& clause : examine(claims, platform, holders, role, now)) {
    if (clause.held) continue;
    return to_error(Refusal{clause.name, clause.found, clause.wanted, clause.way_out});
  }
  return {};
}

}  // namespace torchkeep::attest
