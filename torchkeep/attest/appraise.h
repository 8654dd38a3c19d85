#pragma once

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "torchkeep/attest/claims.h"
#include "torchkeep/json/json.h"

/// Claims against an owner's policy.
namespace torchkeep::attest {

/// What an enclave's ATTRIBUTES must be (8 bytes of flags, 8 of XFRM), where `mask` has ones.
/// Source: Intel SDM vol. 3D, ATTRIBUTES.
struct AttributesRequirement {
  ByteArray<16> value{};  ///< Zero where `mask` is.
  ByteArray<16> mask = kAllBits;
  static constexpr ByteArray<16> kAllBits = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  bool operator==(const AttributesRequirement&) const = default;
};

/// Which enclaves a policy lets hold a key in one role. Either `mr_enclaves` is not empty, or the
/// enclave is named by signer, product and least SVN.
struct EnclaveRequirement {
  std::vector<Digest256> mr_enclaves;
  std::optional<Digest256> mr_signer;
  std::uint16_t isv_prod_id = 0;
  std::uint16_t min_isv_svn = 0;
  std::optional<AttributesRequirement> attributes = {};  ///< Without one: any but DEBUG.
};

/// Which TDX trust domain a policy lets hold a key in one role: all of its measurements, exactly.
/// Its DEBUG attribute is never set.
struct TrustDomainRequirement {
  Digest384 mr_td{};
  std::array<Digest384, 4> rtmrs{};
  ByteArray<8> td_attributes{};
  Digest384 mr_config_id{};
  Digest384 mr_owner{};
  Digest384 mr_owner_config{};
  /// Zero: no service domain may be bound to it. A report of TDX 1.0 says nothing of service
  /// domains; it fits zero if the domain cannot migrate, since then none has power over it.
  Digest384 mr_service_td{};
  bool operator==(const TrustDomainRequirement&) const = default;
};

/// Who may hold a key in one role. A requirement of one kind never fits evidence of another; no
/// requirement can name an SEV-SNP guest.
using HolderRequirement = std::variant<EnclaveRequirement, TrustDomainRequirement>;

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

/// All are read from and written to JSON objects with the fields' names; `parse` of what `encode`
/// wrote gives the same. Unknown fields are refused, and so is what would allow nobody or everybody
/// by oversight: no root, no TCB status, a Revoked one, neither platforms nor any_platform.
/// Errors: Malformed, naming `what` and the field.
Result<EnclaveRequirement> parse_enclave_requirement(const json::Json& value, std::string what);
json::Json encode(const EnclaveRequirement& requirement);
Result<TrustDomainRequirement> parse_trust_domain_requirement(const json::Json& value,
                                                              std::string what);
json::Json encode(const TrustDomainRequirement& requirement);
/// A trust domain's is known by its `mr_td`.
Result<HolderRequirement> parse_holder_requirement(const json::Json& value, std::string what);
json::Json encode(const HolderRequirement& requirement);
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

/// One clause of a policy, held against claims.
struct Clause {
  std::string name;  ///< "workers[0].mr_enclave"
  bool held = false;
  std::string found;
  std::string wanted;
  std::string way_out;  ///< Empty if it held.
};

/// Every clause that bears on this holder: those of the entry in `holders` that comes closest, then
/// those of the platform. Evidence of a kind that no entry names gets one clause that says so, and
/// nothing of the platform if no policy can name the kind at all. `role` names the list: "workers".
std::vector<Clause> examine(const Claims& claims, const PlatformRequirement& platform,
                            const std::vector<HolderRequirement>& holders, std::string_view role,
                            TimePoint now);

/// Holds if every clause of `examine` does; a debug enclave or trust domain never fits.
/// Errors: Denied, with the first clause that fails.
Result<void> appraise(const Claims& claims, const PlatformRequirement& platform,
                      const std::vector<HolderRequirement>& holders, std::string_view role,
                      TimePoint now);

}  // namespace torchkeep::attest
