#pragma once

#include <string>
#include <vector>

#include "torchkeep/base/file.h"
#include "torchkeep/cli/console.h"
#include "torchkeep/keys/policy.h"

/// A policy held against claims, clause by clause.
namespace torchkeep::cli {

struct PolicyFindings {
  keys::HolderRole role = keys::HolderRole::Worker;
  std::vector<attest::Clause> clauses;
  bool holds() const;
};

/// Every clause that bears on a holder in this role.
PolicyFindings check_policy(const keys::Policy& policy, keys::HolderRole role,
                            const attest::Claims& claims, TimePoint now);

/// "worker", "keycache", "keyserver". Errors: InvalidArgument, with the words there are.
Result<keys::HolderRole> parse_holder_role(const std::string& name);
std::string_view name_of(keys::HolderRole role);

/// Errors: InvalidArgument, naming the file and the field, with what to do about it.
Result<keys::Policy> load_policy_file(const Path& file);

void show(const Console& console, const PolicyFindings& findings);
/// {"role":..., "holds":..., "clauses":[{"clause","holds","found","wanted","way_out"}]}
json::Json encode(const PolicyFindings& findings);

}  // namespace torchkeep::cli
