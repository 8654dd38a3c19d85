#include "torchkeep/attest/platform_tcb.h"

#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

std::string name_part(std::string_view kind, std::size_t index, const std::string& name) {
  std::string out = text(kind, " component ", index + 1);
  if (!name.empty()) out += " (" + name + ")";
  return out;
}

// From TDX 1.5 on, the first two bytes are the module's own, judged by its identity.
std::size_t first_tdx_component(const TdReport& td) { return td.tee_tcb_svn[1] == 0 ? 0 : 2; }

/// The first level whose SGX part fits; TDX components are not looked at.
const TcbLevel* find_sgx_level(const PckExtension& machine, const TcbInfo& info) {
  for (const TcbLevel& level : info.levels) {
    if (find_shortfalls(machine, nullptr, level, info).empty()) return &level;
  }
  return nullptr;
}

bool is_out_of_date(TcbStatus status) {
  return status == TcbStatus::OutOfDate || status == TcbStatus::OutOfDateConfigurationNeeded;
}

bool needs_configuration(TcbStatus status) {
  return status == TcbStatus::ConfigurationNeeded ||
         status == TcbStatus::ConfigurationAndSWHardeningNeeded ||
         status == TcbStatus::OutOfDateConfigurationNeeded;
}

// Whether the module that runs now is new, although the trust domain began under an old one.
bool runs_newest_module(const TdReport::Later& later, const TcbInfo& info) {
  const auto& now = later.tee_tcb_svn2;
  const ComponentSvns& newest = *info.levels.front().tdx_components;
  if (now[2] < newest[2]) return false;
  if (now[1] == 0) return now[0] >= newest[0];
  const TdxModule* const module = find_tdx_module(info, now[1]);
  return module != nullptr && now[0] >= module->levels.front().isv_svn;
}

// A trust domain that was started under an old module need only be started again.
std::optional<TcbStatus> find_relaunch(const TcbJudgement& judgement, const PckExtension& machine,
                                       const TdReport* td, const TcbInfo& info) {
  if (td == nullptr || !td->later || judgement.tdx_module == nullptr) return {};
  if (judgement.qe->verdict.status != TcbStatus::UpToDate) return {};
  if (judgement.tdx_module->verdict.status != TcbStatus::OutOfDate) return {};
  if (!is_out_of_date(judgement.status)) return {};
  const TcbLevel* const sgx = find_sgx_level(machine, info);
  if (sgx == nullptr || is_out_of_date(sgx->verdict.status) ||
      sgx->verdict.status == TcbStatus::Revoked) {
    return {};
  }
  if (!runs_newest_module(*td->later, info)) return {};
  return needs_configuration(sgx->verdict.status) || needs_configuration(judgement.status)
             ? TcbStatus::TDRelaunchAdvisedConfigurationNeeded
             : TcbStatus::TDRelaunchAdvised;
}

/// The level that `svn` reaches of an enclave or module; adds what it is short of the newest.
Result<const EnclaveTcbLevel*> judge_part(std::string_view part, std::uint16_t svn,
                                          const std::vector<EnclaveTcbLevel>& levels,
                                          std::vector<TcbShortfall>& shortfalls) {
  const std::uint16_t newest = levels.front().isv_svn;
  if (svn < newest) shortfalls.push_back({text("ISVSVN of the ", part), svn, newest});
  const EnclaveTcbLevel* const level = find_level(levels, svn);
  if (level != nullptr) return level;
  return untrusted(part, ": ISVSVN: found ", svn, ", wanted at least ", levels.back().isv_svn,
                   ". Update the machine's ", part);
}

}  // namespace

std::vector<TcbShortfall> find_shortfalls(const PckExtension& machine, const TdReport* td,
                                          const TcbLevel& level, const TcbInfo& info) {
  std::vector<TcbShortfall> out;
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    if (machine.components[i] >= level.sgx_components[i]) continue;
    out.push_back({name_part("TCB", i, info.sgx_component_names[i]), machine.components[i],
                   level.sgx_components[i]});
  }
  if (machine.pce_svn < level.pce_svn) out.push_back({"PCESVN", machine.pce_svn, level.pce_svn});
  if (td == nullptr) return out;
  TORCHKEEP_CHECK(level.tdx_components.has_value());
  for (std::size_t i = first_tdx_component(*td); i < kTcbComponents; ++i) {
    if (td->tee_tcb_svn[i] >= (*level.tdx_components)[i]) continue;
    out.push_back({name_part("TDX TCB", i, info.tdx_component_names[i]), td->tee_tcb_svn[i],
                   (*level.tdx_components)[i]});
  }
  return out;
}

Result<const TcbLevel*> find_platform_level(const PckExtension& machine, const TdReport* td,
                                            const TcbInfo& info) {
  std::vector<TcbShortfall> closest;
  for (const TcbLevel& level : info.levels) {
    std::vector<TcbShortfall> shortfalls = find_shortfalls(machine, td, level, info);
    if (shortfalls.empty()) return &level;
    if (closest.empty() || shortfalls.size() <= closest.size()) closest = std::move(shortfalls);
  }
  return untrusted("platform TCB: ", to_text(closest),
                   ". It is below every TCB level that Intel lists for this machine's family: "
                   "update its BIOS and microcode, then provision its PCK certificate anew");
}

const TdxModule* find_tdx_module(const TcbInfo& info, std::uint8_t version) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const std::string id = text("TDX_", kDigits[version >> 4], kDigits[version & 0xf]);
  const auto found =
      std::find_if(info.tdx_module_identities.begin(), info.tdx_module_identities.end(),
                   [&](const TdxModule& module) { return module.id == id; });
  return found == info.tdx_module_identities.end() ? nullptr : &*found;
}

Result<void> check_tdx_module(const TdReport& td, const TcbInfo& info) {
  const std::uint8_t version = td.tee_tcb_svn[1];
  const TdxModule* const wanted =
      version == 0 ? &info.tdx_module.value() : find_tdx_module(info, version);
  if (wanted == nullptr) {
    return untrusted("TDX module: found version ", unsigned{version},
                     ", which Intel's TCB info does not list. Fetch newer TCB info");
  }
  if (td.mr_signer_seam != wanted->mr_signer) {
    return untrusted("TDX module: MRSIGNERSEAM: found ", encode_hex(td.mr_signer_seam), ", wanted ",
                     encode_hex(wanted->mr_signer), ": it is not Intel's module");
  }
  if (td.seam_attributes != ByteArray<8>{} || td.seam_attributes != wanted->attributes) {
    return untrusted("TDX module: SEAMATTRIBUTES: found ", encode_hex(td.seam_attributes),
                     ", wanted ", encode_hex(wanted->attributes), ": it is no production module");
  }
  return {};
}

std::string to_text(const std::vector<TcbShortfall>& shortfalls) {
  std::string out;
  for (const TcbShortfall& shortfall : shortfalls) {
    if (!out.empty()) out += "; ";
    out +=
        text(shortfall.part, ": found ", shortfall.found, ", wanted at least ", shortfall.wanted);
  }
  return out;
}

Result<TcbJudgement> judge_tcb(const PckExtension& machine, const SgxReport& qe_report,
                               const TdReport* td, const TcbInfo& info, const QeIdentity& identity,
                               Reason& why) {
  why = Reason::TcbNotSupported;
  TcbJudgement out;
  out.shortfalls = find_shortfalls(machine, td, info.levels.front(), info);
  out.qe = TRY(judge_part("quoting enclave", qe_report.isv_svn, identity.levels, out.shortfalls));
  out.platform = TRY(find_platform_level(machine, td, info));
  out.status = out.platform->verdict.status;
  if (td != nullptr && td->tee_tcb_svn[1] != 0) {
    const TdxModule* const module = find_tdx_module(info, td->tee_tcb_svn[1]);
    TORCHKEEP_CHECK(module != nullptr);  // see check_tdx_module
    out.tdx_module =
        TRY(judge_part("TDX module", td->tee_tcb_svn[0], module->levels, out.shortfalls));
    out.status = converge(out.status, out.tdx_module->verdict.status);
  }
  const auto relaunch = find_relaunch(out, machine, td, info);
  out.status = relaunch ? *relaunch : converge(out.status, out.qe->verdict.status);
  why = Reason::TcbRevoked;
  if (out.status == TcbStatus::Revoked) {
    return untrusted("TCB status: found Revoked. ", to_text(out.shortfalls),
                     ". Keys of such machines may have leaked: update BIOS, microcode and the "
                     "quoting enclave, then provision the PCK certificate anew");
  }
  return out;
}

}  // namespace torchkeep::attest
