#pragma once

#include <algorithm>

#include "torchkeep/attest/appraise.h"
#include "torchkeep/base/encoding.h"

/// How clauses are found and told; `examine` puts them together.
namespace torchkeep::attest {

/// Keeps `way_out` only if the clause did not hold.
Clause make_clause(std::string name, bool held, std::string found, std::string wanted,
                   std::string way_out);

/// "A", or "one of A, B, C, D and 3 more".
std::string one_of(const std::vector<std::string>& choices);

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

/// How far an entry of a policy's list is from what was found, and its clauses; 0 fits.
struct Fit {
  int distance = 0;
  std::vector<Clause> clauses;
};
/// Clauses are named without their place in the list. Debug mode is not looked at.
Fit compare(const SgxEnclave& enclave, const EnclaveRequirement& wanted);
Fit compare(const TdReport& domain, const TrustDomainRequirement& wanted);

std::vector<Clause> examine_platform(const Claims& claims, const PlatformRequirement& wanted,
                                     TimePoint now);

}  // namespace torchkeep::attest
