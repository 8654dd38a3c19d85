#include "torchkeep/base/check.h"
#include "torchkeep/keys/policy.h"

// Policies from files and statements: no input crashes, and one that is read says the same when it
// is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const auto value = json::parse(as_text(ByteView(data, size)));
  if (!value) return 0;
  const auto policy = keys::parse_policy(*value);
  if (!policy) return 0;
  const auto again = keys::parse_policy(keys::encode(*policy));
  TORCHKEEP_CHECK(again.ok());
  TORCHKEEP_CHECK(keys::policy_hash(*again) == keys::policy_hash(*policy));
  return 0;
}
