#include "torchkeep/attest/quote.h"
#include "torchkeep/attest/verify.h"
#include "torchkeep/base/check.h"

// Quotes: no input crashes, and what is read is written back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  if (const auto quote = attest::parse_quote(bytes)) {
    const Bytes again = attest::encode_quote(*quote);
    TORCHKEEP_CHECK(again.size() <= size && equal(again, bytes.first(again.size())));
    TORCHKEEP_CHECK(attest::parse_quote(again).value() == *quote);
  }
  (void)attest::find_collateral_key(bytes);
  return 0;
}
