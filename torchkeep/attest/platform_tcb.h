#pragma once

#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/attest/tcb_info.h"

/// Which TCB level a platform has reached, component by component.
/// Source: Intel PCS API v4, "Get TCB Info", "Determining Platform TCB Status".
namespace torchkeep::attest {

/// What of `machine` is below `level`; empty if the level fits.
std::vector<TcbShortfall> find_shortfalls(const PckExtension& machine, const TcbLevel& level,
                                          const TcbInfo& info);

/// The highest level that fits.
/// Errors: Untrusted if none does, naming what is short of the level that comes closest.
Result<const TcbLevel*> find_platform_level(const PckExtension& machine, const TcbInfo& info);

/// "TCB component 1 (BIOS): found 3, wanted at least 4; PCESVN: found 11, wanted at least 13"
std::string to_text(const std::vector<TcbShortfall>& shortfalls);

}  // namespace torchkeep::attest
