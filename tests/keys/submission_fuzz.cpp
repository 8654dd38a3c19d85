#include "torchkeep/base/check.h"
#include "torchkeep/keys/genesis.h"
#include "torchkeep/keys/messages.h"

// What a key server reads from owners, and what it answers: no input crashes, and what is read is
// written as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto submission = keys::parse_submission(bytes);
  if (submission) TORCHKEEP_CHECK(equal(keys::encode(*submission), bytes));
  const auto receipt = keys::parse_receipt(bytes);
  if (receipt) TORCHKEEP_CHECK(equal(keys::encode(*receipt), bytes));
  const auto value = json::parse_canonical(as_text(bytes));
  if (!value) return 0;
  const auto genesis = keys::parse_genesis(*value);
  if (genesis) TORCHKEEP_CHECK(keys::encode(*genesis) == *value);
  return 0;
}
