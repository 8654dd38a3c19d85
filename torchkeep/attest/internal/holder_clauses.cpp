#include "torchkeep/attest/internal/clauses.h"
#include "torchkeep/base/text.h"

// What a policy asks of an enclave or of a trust domain.
namespace torchkeep::attest {
namespace {

constexpr std::size_t kMigratableByte = 3;  // TDATTRIBUTES bit 29
constexpr std::uint8_t kMigratableBit = 0x20;

/// The clauses, and the distance of the first that fails.
class SgxComparison {
 public:
  void add(int distance, Clause clause) {
    if (!clause.held && fit_.distance == 0) fit_.distance = distance;
    fit_.clauses.push_back(std::move(clause));
  }
  Fit take() { return std::move(fit_); }

 private:
  Fit fit_;
};

Clause compare_exactly(std::string name, ByteView found, ByteView wanted, std::string way_out) {
  return make_clause(std::move(name), equal(found, wanted), encode_hex(found), encode_hex(wanted),
                     std::move(way_out));
}

struct AttributeName {
  std::size_t bit;
  std::string_view name;
};
// Intel SDM vol. 3D, ATTRIBUTES; XFRM begins at bit 64, as XCR0.
constexpr AttributeName kAttributeNames[] = {
    {0, "INIT"},  {1, "DEBUG"},      {2, "MODE64BIT"},   {4, "PROVISIONKEY"}, {5, "EINITTOKEN_KEY"},
    {6, "CET"},   {7, "KSS"},        {10, "AEXNOTIFY"},  {64, "XFRM x87"},    {65, "XFRM SSE"},
    {66, "XFRM AVX"},                {69, "XFRM AVX-512 masks"},              {70, "XFRM AVX-512"},
    {71, "XFRM AVX-512 (16 to 31)"}, {73, "XFRM PKRU"},  {81, "XFRM AMX configuration"},
    {82, "XFRM AMX tiles"}};

std::string name_of_attribute(std::size_t bit) {
  for (const AttributeName& known : kAttributeNames) {
    if (known.bit == bit) return std::string(known.name);
  }
  return text("bit ", bit);
}

/// "KSS is not set, XFRM AMX tiles is set": where `found` is not what `wanted` asks for.
std::string tell_differences(const ByteArray<16>& found, const AttributesRequirement& wanted) {
  std::string out;
  for (std::size_t bit = 0; bit < 8 * found.size(); ++bit) {
    const int differs = (found[bit / 8] ^ wanted.value[bit / 8]) & wanted.mask[bit / 8];
    if ((differs >> (bit % 8) & 1) == 0) continue;
    const bool set = (found[bit / 8] >> (bit % 8) & 1) != 0;
    out += text(out.empty() ? "" : ", ", name_of_attribute(bit), set ? " is set" : " is not set");
  }
  return out;
}

Clause compare_attributes(const ByteArray<16>& found, const AttributesRequirement& wanted) {
  const std::string differences = tell_differences(found, wanted);
  const bool exact = wanted.mask == AttributesRequirement::kAllBits;
  return make_clause("attributes", differences.empty(),
                     encode_hex(found) + (differences.empty() ? "" : " (" + differences + ")"),
                     text(encode_hex(wanted.value),
                          exact ? "" : " where the mask " + encode_hex(wanted.mask) + " has ones"),
                     "sign and start the enclave with the listed attributes; flags of XFRM follow "
                     "the machine's features (in Gramine, sgx.cpu_features)");
}

Clause compare_service_td(const TdReport& domain, const TrustDomainRequirement& wanted) {
  const std::string name = "mr_service_td";
  if (domain.later) {
    return compare_exactly(name, domain.later->mr_service_td, wanted.mr_service_td,
                           "another service domain may move or change this one; start it with the "
                           "listed one, or with none");
  }
  const bool can_migrate = (domain.td_attributes[kMigratableByte] & kMigratableBit) != 0;
  return make_clause(
      name, wanted.mr_service_td == Digest384{} && !can_migrate,
      can_migrate ? "not told by this report, and the domain can migrate"
                  : "not told by this report, but the domain cannot migrate",
      encode_hex(wanted.mr_service_td),
      "have the platform make quotes of version 5, whose report of TDX 1.5 tells it");
}

void compare_identity(SgxComparison& out, const SgxEnclave& enclave,
                      const EnclaveRequirement& wanted) {
  if (!wanted.mr_enclaves.empty()) {
    out.add(3, make_clause("mr_enclave", holds(wanted.mr_enclaves, enclave.mr_enclave),
                           encode_hex(enclave.mr_enclave), one_of_hex(wanted.mr_enclaves),
                           "another program runs there; run the listed build, or, if this one "
                           "shall hold the key, have the owner add its measurement to the policy "
                           "and sign it"));
    return;
  }
  if (!wanted.mr_signer) {
    out.add(5, make_clause("mr_enclave", false, encode_hex(enclave.mr_enclave),
                           "an enclave; the policy names none",
                           "have the owner sign a policy that names the enclave"));
    return;
  }
  out.add(4, compare_exactly("mr_signer", enclave.mr_signer, *wanted.mr_signer,
                             "the program was signed by another party; run the build of the listed "
                             "signer"));
  out.add(2, make_clause("isv_prod_id", enclave.isv_prod_id == wanted.isv_prod_id,
                         text(enclave.isv_prod_id), text(wanted.isv_prod_id),
                         "this is another program of the same signer; run the one for this role"));
  out.add(1, make_clause("min_isv_svn", enclave.isv_svn >= wanted.min_isv_svn,
                         text(enclave.isv_svn), text("at least ", wanted.min_isv_svn),
                         "the program is an old release with known faults; update it"));
}

}  // namespace

Fit compare(const SgxEnclave& enclave, const EnclaveRequirement& wanted) {
  SgxComparison out;
  compare_identity(out, enclave, wanted);
  if (wanted.attributes) out.add(1, compare_attributes(enclave.attributes, *wanted.attributes));
  return out.take();
}

Fit compare(const TdReport& domain, const TrustDomainRequirement& wanted) {
  constexpr int kAnotherImage = 100;
  Fit out;
  out.clauses.push_back(compare_exactly("mr_td", domain.mr_td, wanted.mr_td,
                                        "another firmware image was started; start the listed one, "
                                        "or have the owner add this one to the policy"));
  if (!out.clauses[0].held) out.distance = kAnotherImage;
  for (std::size_t i = 0; i < domain.rtmrs.size(); ++i) {
    out.clauses.push_back(
        compare_exactly(text("rtmrs[", i, "]"), domain.rtmrs[i], wanted.rtmrs[i],
                        "other code or configuration was loaded after the start; its event log "
                        "tells which. Start the listed system"));
  }
  out.clauses.push_back(compare_exactly("td_attributes", domain.td_attributes, wanted.td_attributes,
                                        "start the trust domain with the listed attributes"));
  const std::string configure = "start the trust domain with the listed value";
  out.clauses.push_back(
      compare_exactly("mr_config_id", domain.mr_config_id, wanted.mr_config_id, configure));
  out.clauses.push_back(compare_exactly("mr_owner", domain.mr_owner, wanted.mr_owner, configure));
  out.clauses.push_back(compare_exactly("mr_owner_config", domain.mr_owner_config,
                                        wanted.mr_owner_config, configure));
  out.clauses.push_back(compare_service_td(domain, wanted));
  for (const Clause& clause : out.clauses) out.distance += clause.held ? 0 : 1;
  return out;
}

}  // namespace torchkeep::attest
