#include <algorithm>

#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/base/check.h"

// TCB info: no input crashes, the signed bytes stand in the document, and levels are found.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto info = attest::parse_tcb_info(bytes);
  if (!info) return 0;
  TORCHKEEP_CHECK(std::search(bytes.begin(), bytes.end(), info->signed_bytes.begin(),
                              info->signed_bytes.end()) != bytes.end());
  attest::PckExtension machine;
  machine.components.fill(5);
  machine.pce_svn = 10;
  (void)attest::find_platform_level(machine, nullptr, *info);
  machine.components.fill(255);
  machine.pce_svn = 65535;
  attest::TdReport td;
  td.tee_tcb_svn.fill(1);
  if (info->kind == attest::TcbInfoKind::Tdx) {
    (void)attest::find_platform_level(machine, &td, *info);
    (void)attest::check_tdx_module(td, *info);
  }
  TORCHKEEP_CHECK(attest::find_platform_level(machine, nullptr, *info).value() == &info->levels[0]);
  return 0;
}
