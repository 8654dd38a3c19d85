#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/base/check.h"

// QE identities: no input crashes, and levels are found.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const auto identity = attest::parse_qe_identity({data, size});
  if (!identity) return 0;
  TORCHKEEP_CHECK(attest::find_level(identity->levels, 0xffff) == &identity->levels[0]);
  (void)attest::check_qe_report(attest::SgxReport{}, *identity);
  return 0;
}
