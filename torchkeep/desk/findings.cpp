#include "torchkeep/desk/findings.h"

#include <algorithm>

#include "torchkeep/base/encoding.h"

namespace torchkeep::desk {
namespace {

void add_attested(json::Json& out, const attest::SgxEnclave& enclave) {
  out["mr_enclave"] = encode_hex(enclave.mr_enclave);
  out["mr_signer"] = encode_hex(enclave.mr_signer);
  out["isv_prod_id"] = enclave.isv_prod_id;
  out["isv_svn"] = enclave.isv_svn;
}

void add_attested(json::Json& out, const attest::TdReport& domain) {
  out["mr_td"] = encode_hex(domain.mr_td);
  out["rtmrs"] = json::Json::array();
  for (const auto& rtmr : domain.rtmrs) out["rtmrs"].push_back(encode_hex(rtmr));
}

void add_attested(json::Json& out, const attest::SnpReport& guest) {
  out["measurement"] = encode_hex(guest.measurement);
}

}  // namespace

PolicyFindings check_policy(const keys::Policy& policy, keys::HolderRole role,
                            const attest::Claims& claims, TimePoint now) {
  return {role, keys::examine_holder(policy, role, claims, now)};
}

bool PolicyFindings::holds() const { return std::ranges::all_of(clauses, &attest::Clause::held); }

Result<keys::HolderRole> parse_holder_role(const std::string& name) {
  if (name == "worker") return keys::HolderRole::Worker;
  if (name == "keycache") return keys::HolderRole::Cache;
  if (name == "keyserver") return keys::HolderRole::KeyServer;
  return invalid_argument("--role ", name, " is none; write worker, keycache or keyserver");
}

std::string_view name_of(keys::HolderRole role) {
  switch (role) {
    case keys::HolderRole::KeyServer: return "keyserver";
    case keys::HolderRole::Cache: return "keycache";
    case keys::HolderRole::Worker: return "worker";
  }
  return "";
}

json::Json encode(const PolicyFindings& findings) {
  json::Json clauses = json::Json::array();
  for (const attest::Clause& clause : findings.clauses) {
    clauses.push_back({{"clause", clause.name},
                       {"holds", clause.held},
                       {"found", clause.found},
                       {"wanted", clause.wanted},
                       {"way_out", clause.way_out}});
  }
  return {{"role", name_of(findings.role)},
          {"holds", findings.holds()},
          {"clauses", std::move(clauses)}};
}

json::Json encode(const attest::Claims& claims) {
  json::Json out = {{"debug", claims.debug()},
                    {"advisories", claims.advisories()},
                    {"tcb_evaluation_data_number", claims.tcb_evaluation_data_number()},
                    {"root_key_hash", encode_hex(claims.root_key_hash())},
                    {"platform_instance", encode_hex(claims.platform_instance())},
                    {"collateral_expires", format_rfc3339(claims.collateral_expires())}};
  if (claims.tcb_status()) out["tcb_status"] = attest::name_of(*claims.tcb_status());
  std::visit([&](const auto& attested) { add_attested(out, attested); }, claims.attested());
  return out;
}

}  // namespace torchkeep::desk
