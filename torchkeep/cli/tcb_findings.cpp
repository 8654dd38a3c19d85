#include "torchkeep/cli/tcb_findings.h"

#include <algorithm>

#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/base/text.h"

namespace torchkeep::cli {
namespace {

TcbPart to_part(const attest::TcbVerdict& verdict) {
  TcbPart part{verdict.status, verdict.date, verdict.advisories};
  std::ranges::sort(part.advisories);
  return part;
}

std::vector<std::string> all_advisories(const TcbFindings& findings) {
  std::vector<std::string> out;
  for (const auto* part : {&findings.platform, &findings.quoting_enclave, &findings.tdx_module}) {
    if (*part) out.insert(out.end(), (*part)->advisories.begin(), (*part)->advisories.end());
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

std::optional<TcbFindings> find_tcb(const SelfDescription& evidence,
                                    const attest::Collateral& collateral) {
  const auto info = attest::parse_tcb_info(collateral.tcb_info);
  const auto identity = attest::parse_qe_identity(collateral.qe_identity);
  if (!info || !identity || !evidence.quote || !evidence.machine) return {};
  TcbFindings out;
  out.tcb_evaluation_data_number = info->tcb_evaluation_data_number;
  out.qe_evaluation_data_number = identity->tcb_evaluation_data_number;
  const attest::SgxReport& qe_report = evidence.quote->qe_report;
  out.qe_isv_svn = qe_report.isv_svn;
  if (const auto* level = attest::find_level(identity->levels, qe_report.isv_svn)) {
    out.quoting_enclave = to_part(level->verdict);
  }
  const attest::TdReport* const td = evidence.quote->td ? &*evidence.quote->td : nullptr;
  attest::Reason why{};
  const auto judged = attest::judge_tcb(*evidence.machine, qe_report, td, *info, *identity, why);
  if (!judged) return out;
  out.status = judged->status;
  out.platform = to_part(judged->platform->verdict);
  out.matched_level = static_cast<std::size_t>(judged->platform - info->levels.data());
  if (judged->tdx_module != nullptr) {
    out.tdx_module = to_part(judged->tdx_module->verdict);
    if (const auto* module = attest::find_tdx_module(*info, td->tee_tcb_svn[1])) {
      out.tdx_module_id = module->id;
    }
  }
  out.shortfalls = judged->shortfalls;
  out.advisories = all_advisories(out);
  return out;
}

}  // namespace torchkeep::cli
