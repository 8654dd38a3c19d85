#pragma once

#include <string>
#include <vector>

#include "torchkeep/json/json.h"
#include "torchkeep/keys/policy.h"

/// Verified claims, and a policy held against them clause by clause, for people and scripts.
namespace torchkeep::desk {

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

/// {"role":..., "holds":..., "clauses":[{"clause","holds","found","wanted","way_out"}]}
json::Json encode(const PolicyFindings& findings);
json::Json encode(const attest::Claims& claims);

}  // namespace torchkeep::desk
