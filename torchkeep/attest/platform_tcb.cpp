#include "torchkeep/attest/platform_tcb.h"

#include "torchkeep/base/text.h"

namespace torchkeep::attest {

std::vector<TcbShortfall> find_shortfalls(const PckExtension& machine, const TcbLevel& level,
                                          const TcbInfo& info) {
  std::vector<TcbShortfall> out;
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    if (machine.components[i] >= level.sgx_components[i]) continue;
    const std::string& name = info.sgx_component_names[i];
    out.push_back({name.empty() ? text("TCB component ", i + 1)
                                : text("TCB component ", i + 1, " (", name, ")"),
                   machine.components[i], level.sgx_components[i]});
  }
  if (machine.pce_svn < level.pce_svn) out.push_back({"PCESVN", machine.pce_svn, level.pce_svn});
  return out;
}

Result<const TcbLevel*> find_platform_level(const PckExtension& machine, const TcbInfo& info) {
  std::vector<TcbShortfall> closest;
  for (const TcbLevel& level : info.levels) {
    std::vector<TcbShortfall> shortfalls = find_shortfalls(machine, level, info);
    if (shortfalls.empty()) return &level;
    if (closest.empty() || shortfalls.size() <= closest.size()) closest = std::move(shortfalls);
  }
  return untrusted("platform TCB: ", to_text(closest),
                   ". It is below every TCB level that Intel lists for this machine's family: "
                   "update its BIOS and microcode, then provision its PCK certificate anew");
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

}  // namespace torchkeep::attest
