#include "torchkeep/base/check.h"
#include "torchkeep/container/header.h"

// Container headers: no input crashes, and what is read has one spelling.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto header = container::parse_header(bytes);
  if (header) TORCHKEEP_CHECK(equal(container::encode(*header), bytes));
  return 0;
}
