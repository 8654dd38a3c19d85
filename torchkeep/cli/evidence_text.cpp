#include "torchkeep/cli/evidence_text.h"

#include <algorithm>
#include <cctype>

#include "torchkeep/attest/appraise.h"
#include "torchkeep/base/encoding.h"

namespace torchkeep::cli {
namespace {

// AMD writes its 64-bit fields as numbers.
std::string hex_number(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  do {
    out.insert(out.begin(), kDigits[value & 0xf]);
    value >>= 4;
  } while (value != 0);
  return "0x" + out;
}

json::Json fields_of(const attest::SgxReport& report) {
  return {{"mrenclave", encode_hex(report.mr_enclave)},
          {"mrsigner", encode_hex(report.mr_signer)},
          // As a policy spells them, to be copied into one.
          {"mr_enclave", encode_hex(report.mr_enclave)},
          {"mr_signer", encode_hex(report.mr_signer)},
          {"isv_prod_id", report.isv_prod_id},
          {"isv_svn", report.isv_svn},
          {"attributes", encode_hex(report.attributes)},
          {"miscselect", report.misc_select},
          {"cpu_svn", encode_hex(report.cpu_svn)},
          {"config_id", encode_hex(report.config_id)},
          {"config_svn", report.config_svn},
          {"debug", report.debug()}};
}

json::Json fields_of(const attest::TdReport& report) {
  json::Json out = {{"mr_td", encode_hex(report.mr_td)},
                    {"mr_seam", encode_hex(report.mr_seam)},
                    {"mrsigner_seam", encode_hex(report.mr_signer_seam)},
                    {"seam_attributes", encode_hex(report.seam_attributes)},
                    {"td_attributes", encode_hex(report.td_attributes)},
                    {"xfam", encode_hex(report.xfam)},
                    {"mr_config_id", encode_hex(report.mr_config_id)},
                    {"mr_owner", encode_hex(report.mr_owner)},
                    {"mr_owner_config", encode_hex(report.mr_owner_config)},
                    {"tee_tcb_svn", encode_hex(report.tee_tcb_svn)},
                    {"debug", report.debug()}};
  for (std::size_t i = 0; i < report.rtmrs.size(); ++i) {
    out[text("rtmr", i)] = encode_hex(report.rtmrs[i]);
  }
  if (report.later) {
    out["tee_tcb_svn2"] = encode_hex(report.later->tee_tcb_svn2);
    out["mr_servicetd"] = encode_hex(report.later->mr_service_td);
  }
  return out;
}

json::Json fields_of(const attest::SnpReport& report) {
  return {{"measurement", encode_hex(report.measurement)},
          {"host_data", encode_hex(report.host_data)},
          {"id_key_digest", encode_hex(report.id_key_digest)},
          {"author_key_digest", encode_hex(report.author_key_digest)},
          {"family_id", encode_hex(report.family_id)},
          {"image_id", encode_hex(report.image_id)},
          {"guest_svn", report.guest_svn},
          {"policy", hex_number(report.policy)},
          {"vmpl", report.vmpl},
          {"platform_info", hex_number(report.platform_info)},
          {"signing_key", attest::name_of(report.signer)},
          {"signature_algo", 1},  // the only one that is read
          {"current_tcb", hex_number(load_le64(report.current_tcb))},
          {"reported_tcb", hex_number(load_le64(report.reported_tcb))},
          {"committed_tcb", hex_number(load_le64(report.committed_tcb))},
          {"chip_id", encode_hex(report.chip_id)},
          {"debug_allowed", report.debug()},
          {"debug", report.debug()}};
}

std::string_view debug_text(bool debug) {
  return debug ? "YES: its memory is open to the host" : "no";
}

void show(const Console& console, const attest::SgxReport& report) {
  console.field("MRENCLAVE", encode_hex(report.mr_enclave));
  console.field("MRSIGNER", encode_hex(report.mr_signer));
  console.field("product, SVN", text(report.isv_prod_id, ", ", report.isv_svn));
}

void show(const Console& console, const attest::TdReport& report) {
  console.field("MRTD", encode_hex(report.mr_td));
  for (std::size_t i = 0; i < report.rtmrs.size(); ++i) {
    console.field(text("RTMR", i), encode_hex(report.rtmrs[i]));
  }
  console.field("TDATTRIBUTES", encode_hex(report.td_attributes));
}

void show(const Console& console, const attest::SnpReport& report) {
  console.field("measurement", encode_hex(report.measurement));
  console.field("host data", encode_hex(report.host_data));
  console.field("policy, VMPL", text(hex_number(report.policy), ", ", report.vmpl));
  console.field("reported TCB", hex_number(load_le64(report.reported_tcb)));
  console.field("signed by", attest::name_of(report.signer));
}

}  // namespace

json::Json encode_measurement(const SelfDescription& evidence) {
  if (evidence.enclave) return fields_of(*evidence.enclave);
  if (evidence.trust_domain) return fields_of(*evidence.trust_domain);
  if (evidence.guest) return fields_of(*evidence.guest);
  return json::Json::object();
}

void show_measurement(const Console& console, const SelfDescription& evidence) {
  if (evidence.enclave) show(console, *evidence.enclave);
  if (evidence.trust_domain) show(console, *evidence.trust_domain);
  if (evidence.guest) show(console, *evidence.guest);
  if (evidence.report_data().empty()) return;
  console.field("debug", debug_text(evidence.debug()));
  console.field("report data", describe_report_data(evidence.report_data()));
}

json::Json policy_entry(const SelfDescription& evidence) {
  if (evidence.debug()) return {};
  if (evidence.enclave) {
    attest::EnclaveRequirement entry;
    entry.mr_enclaves = {evidence.enclave->mr_enclave};
    return attest::encode(entry);
  }
  if (!evidence.trust_domain) return {};
  const attest::TdReport& report = *evidence.trust_domain;
  return attest::encode(attest::TrustDomainRequirement{
      .mr_td = report.mr_td,
      .rtmrs = report.rtmrs,
      .td_attributes = report.td_attributes,
      .mr_config_id = report.mr_config_id,
      .mr_owner = report.mr_owner,
      .mr_owner_config = report.mr_owner_config,
      .mr_service_td = report.later ? report.later->mr_service_td : Digest384{}});
}

std::string kind_of(const SelfDescription& evidence) {
  if (!evidence.tee) return "no evidence that this release knows";
  switch (*evidence.tee) {
    case attest::TeeType::Sgx: return text("an Intel SGX quote, version ", evidence.version);
    case attest::TeeType::Tdx: return text("an Intel TDX quote, version ", evidence.version);
    case attest::TeeType::Snp: return text("an AMD SEV-SNP report, version ", evidence.version);
  }
  return "evidence";
}

std::string describe_report_data(ByteView report_data) {
  std::string out = encode_hex(report_data);
  const auto end = std::ranges::find(report_data, std::uint8_t{0});
  const ByteView head(report_data.begin(), end);
  const bool is_text = !head.empty() && std::ranges::all_of(head, [](std::uint8_t byte) {
    return byte < 0x80 && std::isprint(byte);
  });
  const bool padded = std::all_of(end, report_data.end(), [](std::uint8_t b) { return b == 0; });
  if (is_text && padded) out += text(" (\"", as_text(head), "\")");
  return out;
}

}  // namespace torchkeep::cli
