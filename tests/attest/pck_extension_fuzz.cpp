#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/base/check.h"

// The SGX extension of certificates: no input crashes, and what was read is read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  if (const auto extension = attest::parse_pck_extension({data, size})) {
    TORCHKEEP_CHECK(attest::parse_pck_extension(attest::encode(*extension)).value() == *extension);
  }
  return 0;
}
