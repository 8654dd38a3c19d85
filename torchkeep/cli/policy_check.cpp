#include "torchkeep/cli/policy_check.h"

#include <algorithm>

#include "torchkeep/base/log.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;

}  // namespace

Result<keys::Policy> load_policy_file(const Path& file) {
  const auto usage = [&](const Error& error, std::string_view way_out) {
    return invalid_argument("--policy ", file.string(), ": ", error.message, way_out);
  };
  const auto bytes = load_file(file, kMaxPolicyBytes);
  if (!bytes) return usage(bytes.error(), "; torchkeep policy new writes one");
  const auto document = json::parse(as_text(*bytes));
  if (!document) return usage(document.error(), "; a policy is one JSON document");
  auto policy = keys::parse_policy(*document);
  if (!policy) return usage(policy.error(), "; docs/formats/policy.md lists the fields");
  return policy;
}

void show(const Console& console, const PolicyFindings& findings) {
  const auto failed = std::ranges::count(findings.clauses, false, &attest::Clause::held);
  console.line("Policy, for a ", name_of(findings.role), ": ",
               findings.holds()
                   ? console.painted(Tone::Good, "every clause holds")
                   : console.painted(Tone::Bad, text(failed, " of ", findings.clauses.size(),
                                                     " clauses do not hold")));
  for (const attest::Clause& clause : findings.clauses) {
    console.line(
        "  ",
        clause.held ? console.painted(Tone::Good, "holds ") : console.painted(Tone::Bad, "FAILS "),
        " ", clause.name);
    if (!clause.found.empty()) console.line("           found   ", one_line(clause.found));
    if (!clause.held || !clause.wanted.empty()) console.line("           wanted  ", clause.wanted);
    if (!clause.held && !clause.way_out.empty())
      console.line("           do      ", clause.way_out);
  }
}

}  // namespace torchkeep::cli
