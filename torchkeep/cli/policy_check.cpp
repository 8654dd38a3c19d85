#include "torchkeep/cli/policy_check.h"

#include <algorithm>

#include "torchkeep/base/log.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;

}  // namespace

PolicyFindings check_policy(const keys::Policy& policy, keys::HolderRole role,
                            const attest::Claims& claims, TimePoint now) {
  return {role, keys::examine_holder(policy, role, claims, now)};
}

bool PolicyFindings::holds() const { return std::ranges::all_of(clauses, &attest::Clause::held); }

Result<keys::HolderRole> parse_holder_role(const std::string& name) {
  if (name == "worker") return keys::HolderRole::Worker;
  if (name == "keycache") return keys::HolderRole::Cache;
  if (name == "keyserver") return keys::HolderRole::KeyServer;
  return invalid_argument("--role ", name, " is none; write worker, keycache or keyserver");
}

std::string_view name_of(keys::HolderRole role) {
  switch (role) {
    case keys::HolderRole::KeyServer: return "keyserver";
    case keys::HolderRole::Cache: return "keycache";
    case keys::HolderRole::Worker: return "worker";
  }
  return "";
}

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

json::Json encode(const PolicyFindings& findings) {
  json::Json clauses = json::Json::array();
  for (const attest::Clause& clause : findings.clauses) {
    clauses.push_back({{"clause", clause.name},
                       {"holds", clause.held},
                       {"found", clause.found},
                       {"wanted", clause.wanted},
                       {"way_out", clause.way_out}});
  }
  return {{"role", name_of(findings.role)},
          {"holds", findings.holds()},
          {"clauses", std::move(clauses)}};
}

}  // namespace torchkeep::cli
