#pragma once

#include <string>
#include <vector>

#include "torchkeep/attest/claims.h"
#include "torchkeep/json/json.h"

/// Claims against an owner's policy.
namespace torchkeep::attest {

/// Which enclaves a policy lets hold a key in one role. Either `mr_enclaves` is not empty, or the
/// enclave is named by signer, product and least SVN.
struct EnclaveRequirement {
  std::vector<Digest256> mr_enclaves;
  std::optional<Digest256> mr_signer;
  std::uint16_t isv_prod_id = 0;
  std::uint16_t min_isv_svn = 0;
};

/// What a policy asks of the machine.
struct PlatformRequirement {
  bool simulated = false;        ///< The roots are simulated ones: never together with real ones.
  std::vector<Digest256> roots;  ///< SHA-256 of each accepted root key (x || y).
  std::vector<TcbStatus> tcb_statuses;
  std::vector<std::string> accepted_advisories;  ///< Others refuse, unless the status is UpToDate.
  std::uint64_t min_tcb_evaluation_data_number = 0;
  std::uint64_t max_collateral_age_seconds = 0;  ///< 0: as long as the documents themselves say.
  bool any_platform = false;
  std::vector<Bytes> platforms;  ///< Accepted platform instances, unless any_platform.
};

/// Both are read from and written to JSON objects with the fields' names; `parse` of what `encode`
/// wrote gives the same. Unknown fields are refused, and so is what would allow nobody or everybody
/// by oversight: no root, no TCB status, a Revoked one, neither platforms nor any_platform.
/// Errors: Malformed, naming `what` and the field.
Result<EnclaveRequirement> parse_enclave_requirement(const json::Json& value, std::string what);
json::Json encode(const EnclaveRequirement& requirement);
Result<PlatformRequirement> parse_platform_requirement(const json::Json& value, std::string what);
json::Json encode(const PlatformRequirement& requirement);

/// One clause that does not hold, as an operator reads it.
struct Refusal {
  std::string clause;  ///< "workers[0].mr_enclave"
  std::string found;
  std::string wanted;
  std::string way_out;
};
Error to_error(const Refusal& refusal);  ///< Denied: "clause C: found F, wanted W; WAY OUT".

/// Holds if the platform requirement holds and at least one of `enclaves` fits; a debug enclave
/// never fits. `role` names the list in refusals: "workers".
/// Errors: Denied, with the first clause that fails for the enclave that comes closest.
Result<void> appraise(const Claims& claims, const PlatformRequirement& platform,
                      const std::vector<EnclaveRequirement>& enclaves, std::string_view role,
                      TimePoint now);

}  // namespace torchkeep::attest
