#include "torchkeep/cli/claims_text.h"

#include "torchkeep/base/encoding.h"

namespace torchkeep::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "none" : out;
}

void show_attested(const Console& console, const attest::SgxEnclave& enclave) {
  console.field("MRENCLAVE", encode_hex(enclave.mr_enclave));
  console.field("MRSIGNER", encode_hex(enclave.mr_signer));
  console.field("product, SVN", text(enclave.isv_prod_id, ", ", enclave.isv_svn));
  console.field("debug enclave", enclave.debug() ? "YES: its memory is open to the host" : "no");
}

void show_attested(const Console& console, const attest::TdReport& domain) {
  console.field("MRTD", encode_hex(domain.mr_td));
  for (std::size_t i = 0; i < domain.rtmrs.size(); ++i) {
    console.field(text("RTMR", i), encode_hex(domain.rtmrs[i]));
  }
  console.field("debug domain", domain.debug() ? "YES: its memory is open to the host" : "no");
}

void show_attested(const Console& console, const attest::SnpReport& guest) {
  console.field("measurement", encode_hex(guest.measurement));
  console.field("debug guest", guest.debug() ? "YES: its memory is open to the host" : "no");
}

}  // namespace

void show(const Console& console, const attest::Claims& claims) {
  std::visit([&](const auto& attested) { show_attested(console, attested); }, claims.attested());
  if (claims.tcb_status()) console.field("TCB status", attest::name_of(*claims.tcb_status()));
  console.field("advisories", joined(claims.advisories()));
  console.field("root key", encode_hex(claims.root_key_hash()));
  console.field("platform", encode_hex(claims.platform_instance()));
  console.field("collateral until", format_rfc3339(claims.collateral_expires()));
}

}  // namespace torchkeep::cli
