#include <algorithm>

#include "torchkeep/attest/appraise.h"
#include "torchkeep/attest/internal/fields.h"

// Requirements as JSON, in the fields' own names.
namespace torchkeep::attest {
namespace {

using json::Json;
using json::ObjectReader;

constexpr std::size_t kMaxEntries = 1024;
constexpr std::size_t kPlatformInstanceBytes = 16;
constexpr std::uint8_t kDebugBit = 2;

/// An array of strings without repetitions.
Result<std::vector<std::string>> take_list(ObjectReader& reader, std::string_view field) {
  auto list = TRY(reader.take_strings(field));
  if (list.size() > kMaxEntries) {
    return malformed(reader.what(), ".", field, " has ", list.size(), " entries, at most ",
                     kMaxEntries, " are allowed");
  }
  auto sorted = list;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return malformed(reader.what(), ".", field, ": \"", *twice, "\" stands there twice");
  }
  return list;
}

Error empty_list(const ObjectReader& reader, std::string_view field, std::string_view meaning) {
  return malformed(reader.what(), ".", field, " is empty: ", meaning);
}

Result<std::vector<Digest256>> take_digests(ObjectReader& reader, std::string_view field) {
  std::vector<Digest256> out;
  const auto list = TRY(take_list(reader, field));
  for (const std::string& digits : list) {
    out.push_back(TRY(decode_hex_array<32>(digits).context(text(reader.what(), ".", field))));
  }
  return out;
}

Result<std::vector<TcbStatus>> take_statuses(ObjectReader& reader) {
  std::vector<TcbStatus> out;
  const auto names = TRY(take_list(reader, "tcb_statuses"));
  for (const std::string& name : names) {
    const auto status = find_tcb_status(name);
    if (!status) return malformed(reader.what(), ".tcb_statuses: \"", name, "\" is no TCB status");
    if (*status == TcbStatus::Revoked) {
      return malformed(reader.what(),
                       ".tcb_statuses: Revoked cannot be accepted, such machines' keys may be out");
    }
    out.push_back(*status);
  }
  if (out.empty()) {
    return empty_list(reader, "tcb_statuses", "no machine would fit; UpToDate is the usual entry");
  }
  return out;
}

Result<void> take_platforms(ObjectReader& reader, PlatformRequirement& out) {
  out.any_platform = TRY(reader.find_bool("any_platform")).value_or(false);
  if (reader.has("platforms")) {
    const auto list = TRY(take_list(reader, "platforms"));
    for (const std::string& digits : list) {
      const std::string what = text(reader.what(), ".platforms");
      out.platforms.push_back(
          to_bytes(TRY(decode_hex_array<kPlatformInstanceBytes>(digits).context(what))));
    }
  }
  if (out.any_platform && !out.platforms.empty()) {
    return malformed(reader.what(), ": any_platform is true and platforms are listed; say one");
  }
  if (!out.any_platform && out.platforms.empty()) {
    return malformed(reader.what(),
                     ": no machine would fit; list platforms, or say \"any_platform\":true");
  }
  return {};
}

Result<std::optional<AttributesRequirement>> find_attributes(ObjectReader& reader) {
  if (!reader.has("attributes")) {
    if (!reader.has("attributes_mask")) return std::optional<AttributesRequirement>();
    return malformed(reader.what(), ".attributes_mask stands there without attributes");
  }
  AttributesRequirement out;
  out.value = TRY(take_hex<16>(reader, "attributes"));
  if (reader.has("attributes_mask")) out.mask = TRY(take_hex<16>(reader, "attributes_mask"));
  if (out.mask == ByteArray<16>{}) {
    return malformed(reader.what(), ".attributes_mask is zero: nothing would be asked for");
  }
  for (std::size_t i = 0; i < out.value.size(); ++i) {
    if ((out.value[i] & ~out.mask[i]) == 0) continue;
    return malformed(reader.what(), ".attributes has bits in byte ", i,
                     " that attributes_mask leaves out: ask for them, or clear them");
  }
  if ((out.value[0] & kDebugBit) != 0) {
    return malformed(reader.what(),
                     ".attributes names a debug enclave, whose memory the host can read; none is "
                     "ever accepted");
  }
  return std::optional(out);
}

template <typename Range>
Json hex_array(const Range& range) {
  Json out = Json::array();
  for (const auto& bytes : range) out.push_back(encode_hex(bytes));
  return out;
}

}  // namespace

Result<EnclaveRequirement> parse_enclave_requirement(const Json& value, std::string what) {
  auto reader = TRY(ObjectReader::open(value, std::move(what)));
  EnclaveRequirement out;
  if (reader.has("mr_enclaves")) {
    out.mr_enclaves = TRY(take_digests(reader, "mr_enclaves"));
    if (out.mr_enclaves.empty()) {
      return empty_list(reader, "mr_enclaves", "no enclave would fit");
    }
  } else if (reader.has("mr_signer")) {
    out.mr_signer = TRY(take_hex<32>(reader, "mr_signer"));
    out.isv_prod_id = static_cast<std::uint16_t>(TRY(take_bounded(reader, "isv_prod_id", 0xffff)));
    out.min_isv_svn = static_cast<std::uint16_t>(TRY(take_bounded(reader, "min_isv_svn", 0xffff)));
  } else {
    return malformed(reader.what(),
                     ": name the enclave by mr_enclaves, or by mr_signer, isv_prod_id and "
                     "min_isv_svn, or a trust domain by mr_td and its other measurements");
  }
  out.attributes = TRY(find_attributes(reader));
  TRY(reader.finish());
  return out;
}

Json encode(const EnclaveRequirement& requirement) {
  Json out = Json::object();
  if (!requirement.mr_enclaves.empty()) out["mr_enclaves"] = hex_array(requirement.mr_enclaves);
  // With measurements these say nothing; written all the same, so that `parse` refuses the mixture
  // instead of forgetting a part of it.
  if (requirement.mr_signer) out["mr_signer"] = encode_hex(*requirement.mr_signer);
  if (requirement.mr_signer || requirement.isv_prod_id != 0 || requirement.min_isv_svn != 0) {
    out["isv_prod_id"] = requirement.isv_prod_id;
    out["min_isv_svn"] = requirement.min_isv_svn;
  }
  if (requirement.attributes) {
    out["attributes"] = encode_hex(requirement.attributes->value);
    if (requirement.attributes->mask != AttributesRequirement::kAllBits) {
      out["attributes_mask"] = encode_hex(requirement.attributes->mask);
    }
  }
  return out;
}

Result<PlatformRequirement> parse_platform_requirement(const Json& value, std::string what) {
  auto reader = TRY(ObjectReader::open(value, std::move(what)));
  PlatformRequirement out;
  out.simulated = TRY(reader.take_bool("simulated"));
  out.roots = TRY(take_digests(reader, "roots"));
  if (out.roots.empty()) return empty_list(reader, "roots", "no machine has a root of trust then");
  out.tcb_statuses = TRY(take_statuses(reader));
  if (reader.has("accepted_advisories")) {
    out.accepted_advisories = TRY(take_list(reader, "accepted_advisories"));
  }
  // Zero asks for nothing, so it must be written down.
  out.min_tcb_evaluation_data_number = TRY(reader.take_unsigned("min_tcb_evaluation_data_number"));
  out.max_collateral_age_seconds = TRY(reader.take_unsigned("max_collateral_age_seconds"));
  TRY(take_platforms(reader, out));
  TRY(reader.finish());
  return out;
}

Json encode(const PlatformRequirement& requirement) {
  Json statuses = Json::array();
  for (const TcbStatus status : requirement.tcb_statuses) statuses.push_back(name_of(status));
  return {{"accepted_advisories", requirement.accepted_advisories},
          {"any_platform", requirement.any_platform},
          {"max_collateral_age_seconds", requirement.max_collateral_age_seconds},
          {"min_tcb_evaluation_data_number", requirement.min_tcb_evaluation_data_number},
          {"platforms", hex_array(requirement.platforms)},
          {"roots", hex_array(requirement.roots)},
          {"simulated", requirement.simulated},
          {"tcb_statuses", statuses}};
}

}  // namespace torchkeep::attest
