#include "torchkeep/cli/claims_text.h"

#include "torchkeep/base/encoding.h"

namespace torchkeep::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "none" : out;
}

}  // namespace

void show(const Console& console, const attest::Claims& claims) {
  const attest::SgxEnclave& enclave = claims.enclave();
  console.field("MRENCLAVE", encode_hex(enclave.mr_enclave));
  console.field("MRSIGNER", encode_hex(enclave.mr_signer));
  console.field("product, SVN", text(enclave.isv_prod_id, ", ", enclave.isv_svn));
  console.field("debug enclave", enclave.debug() ? "YES: its memory is open to the host" : "no");
  console.field("TCB status", attest::name_of(claims.tcb_status()));
  console.field("advisories", joined(claims.advisories()));
  console.field("root key", encode_hex(claims.root_key_hash()));
  console.field("platform", encode_hex(claims.platform_instance()));
  console.field("collateral until", format_rfc3339(claims.collateral_expires()));
}

json::Json encode(const attest::Claims& claims) {
  const attest::SgxEnclave& enclave = claims.enclave();
  return {{"mr_enclave", encode_hex(enclave.mr_enclave)},
          {"mr_signer", encode_hex(enclave.mr_signer)},
          {"isv_prod_id", enclave.isv_prod_id},
          {"isv_svn", enclave.isv_svn},
          {"debug", enclave.debug()},
          {"tcb_status", attest::name_of(claims.tcb_status())},
          {"advisories", claims.advisories()},
          {"tcb_evaluation_data_number", claims.tcb_evaluation_data_number()},
          {"root_key_hash", encode_hex(claims.root_key_hash())},
          {"platform_instance", encode_hex(claims.platform_instance())},
          {"collateral_expires", format_rfc3339(claims.collateral_expires())}};
}

}  // namespace torchkeep::cli
