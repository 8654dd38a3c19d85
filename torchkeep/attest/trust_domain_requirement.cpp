#include "torchkeep/attest/appraise.h"
#include "torchkeep/attest/internal/fields.h"

// A trust domain's requirement as JSON, in the fields' own names.
namespace torchkeep::attest {
namespace {

using json::Json;
using json::ObjectReader;

constexpr std::uint8_t kDebugBit = 1;

Result<void> take_rtmrs(ObjectReader& reader, TrustDomainRequirement& out) {
  const auto list = TRY(reader.take_strings("rtmrs"));
  if (list.size() != out.rtmrs.size()) {
    return malformed(reader.what(), ".rtmrs has ", list.size(), " entries, not ", out.rtmrs.size());
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string what = text(reader.what(), ".rtmrs[", i, "]");
    out.rtmrs[i] = TRY(decode_hex_array<48>(list[i]).context(what));
  }
  return {};
}

}  // namespace

Result<TrustDomainRequirement> parse_trust_domain_requirement(const Json& value, std::string what) {
  auto reader = TRY(ObjectReader::open(value, std::move(what)));
  TrustDomainRequirement out;
  out.mr_td = TRY(take_hex<48>(reader, "mr_td"));
  TRY(take_rtmrs(reader, out));
  out.td_attributes = TRY(take_hex<8>(reader, "td_attributes"));
  if ((out.td_attributes[0] & kDebugBit) != 0) {
    return malformed(reader.what(),
                     ".td_attributes names a debug domain, whose memory the host can read; none "
                     "is ever accepted");
  }
  out.mr_config_id = TRY(take_hex<48>(reader, "mr_config_id"));
  out.mr_owner = TRY(take_hex<48>(reader, "mr_owner"));
  out.mr_owner_config = TRY(take_hex<48>(reader, "mr_owner_config"));
  out.mr_service_td = TRY(take_hex<48>(reader, "mr_service_td"));
  TRY(reader.finish());
  return out;
}

Json encode(const TrustDomainRequirement& requirement) {
  Json rtmrs = Json::array();
  for (const Digest384& rtmr : requirement.rtmrs) rtmrs.push_back(encode_hex(rtmr));
  return {{"mr_td", encode_hex(requirement.mr_td)},
          {"rtmrs", std::move(rtmrs)},
          {"td_attributes", encode_hex(requirement.td_attributes)},
          {"mr_config_id", encode_hex(requirement.mr_config_id)},
          {"mr_owner", encode_hex(requirement.mr_owner)},
          {"mr_owner_config", encode_hex(requirement.mr_owner_config)},
          {"mr_service_td", encode_hex(requirement.mr_service_td)}};
}

Result<HolderRequirement> parse_holder_requirement(const Json& value, std::string what) {
  if (value.is_object() && value.contains("mr_td")) {
    return HolderRequirement(TRY(parse_trust_domain_requirement(value, std::move(what))));
  }
  return HolderRequirement(TRY(parse_enclave_requirement(value, std::move(what))));
}

Json encode(const HolderRequirement& requirement) {
  return std::visit([](const auto& one) { return encode(one); }, requirement);
}

}  // namespace torchkeep::attest
