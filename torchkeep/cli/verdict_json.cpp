#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/cli/evidence_text.h"
#include "torchkeep/cli/meaning.h"
#include "torchkeep/cli/verdict_text.h"

// The fields' names are those of the public vectors' manifests
// (tests/attest/vectors/dcap/README.md).
namespace torchkeep::cli {
namespace {

json::Json or_null(std::string_view word) { return word.empty() ? json::Json() : json::Json(word); }

std::string_view vendor_of(const Verdict& verdict, const Dossier& dossier) {
  if (!verdict.vendors_own_root) return "other";
  return dossier.description.tee == attest::TeeType::Snp ? "amd" : "intel";
}

void add_machine(json::Json& out, const SelfDescription& description) {
  if (!description.machine) return;
  const attest::PckExtension& machine = *description.machine;
  out["fmspc"] = encode_hex(machine.fmspc);
  out["pce_id"] = encode_hex(machine.pce_id);
  out["pck_ca"] = description.pck_ca;
  out["platform_instance"] = machine.platform_instance_id
                                 ? encode_hex(*machine.platform_instance_id)
                                 : encode_hex(machine.ppid);
}

json::Json encode(const std::vector<attest::TcbShortfall>& shortfalls) {
  json::Json out = json::Json::array();
  for (const auto& shortfall : shortfalls) {
    out.push_back(
        {{"part", shortfall.part}, {"found", shortfall.found}, {"wanted", shortfall.wanted}});
  }
  return out;
}

void add_tcb(json::Json& out, const TcbFindings& tcb) {
  out["tcb_evaluation_data_number"] = tcb.tcb_evaluation_data_number;
  out["qe_tcb_evaluation_data_number"] = tcb.qe_evaluation_data_number;
  out["qe_isvsvn"] = tcb.qe_isv_svn;
  if (tcb.quoting_enclave) {
    out["qe_tcb_status"] = attest::name_of(tcb.quoting_enclave->status);
    out["qe_tcb_date"] = format_rfc3339(tcb.quoting_enclave->date);
    out["qe_advisories"] = tcb.quoting_enclave->advisories;
  }
  if (tcb.platform) {
    out["platform_tcb_status"] = attest::name_of(tcb.platform->status);
    out["platform_tcb_date"] = format_rfc3339(tcb.platform->date);
    out["matched_level_index"] = tcb.matched_level;
    out["platform_advisories"] = tcb.platform->advisories;
  }
  if (tcb.tdx_module) {
    out["tdx_module_id"] = tcb.tdx_module_id;
    out["tdx_module_tcb_status"] = attest::name_of(tcb.tdx_module->status);
    out["tdx_module_tcb_date"] = format_rfc3339(tcb.tdx_module->date);
    out["tdx_module_advisories"] = tcb.tdx_module->advisories;
  }
  if (tcb.status) out["tcb_status"] = attest::name_of(*tcb.status);
  out["advisories"] = tcb.advisories;
  out["shortfalls"] = encode(tcb.shortfalls);
}

}  // namespace

json::Json encode(const Verdict& verdict, const Dossier& dossier) {
  const SelfDescription& description = dossier.description;
  json::Json out = {{"result", verdict.accepted() ? "verified" : "rejected"},
                    {"reason", or_null(verdict.final_reason())},
                    {"message", or_null(verdict.final_message())},
                    {"tcb_status", json::Json()},
                    {"advisories", json::Json::array()},
                    {"platform_advisories", json::Json::array()},
                    {"shortfalls", json::Json::array()},
                    {"tee", json::Json()},
                    {"measurement", encode_measurement(description)},
                    {"policy_entry", policy_entry(description)},
                    {"report_data", or_null(encode_hex(description.report_data()))},
                    {"window_start", json::Json()},
                    {"window_end", json::Json()},
                    {"at", format_rfc3339(dossier.at)},
                    {"expired_items", verdict.expired},
                    {"not_yet_valid_items", verdict.not_yet_valid},
                    {"missing", dossier.missing},
                    {"warnings", verdict.warnings}};
  if (description.tee) {
    out["tee"] = attest::name_of(*description.tee);
    out["quote_version"] = description.version;
    out["root"] = vendor_of(verdict, dossier);
    out["root_key_hash"] = encode_hex(dossier.anchor.key_hash);
    out["root_origin"] = dossier.anchor.origin;
  }
  add_machine(out, description);
  if (verdict.tcb) add_tcb(out, *verdict.tcb);
  if (verdict.window) {
    out["window_start"] = format_rfc3339(verdict.window->from);
    out["window_end"] = format_rfc3339(verdict.window->until);
  }
  if (verdict.claims) out["root_key_hash"] = encode_hex(verdict.claims->root_key_hash());
  const Meaning meaning = meaning_of_reason(verdict.final_reason());
  if (!meaning.what.empty()) out["meaning"] = meaning.what;
  if (!meaning.way_out.empty()) out["way_out"] = meaning.way_out;
  if (verdict.policy) out["policy"] = encode(*verdict.policy);
  return out;
}

}  // namespace torchkeep::cli
