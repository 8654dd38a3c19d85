#include "torchkeep/attest/appraise.h"
#include "torchkeep/base/check.h"

// Requirements of a policy: no input crashes, and what was read is written and read alike.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const auto value = json::parse(as_text({data, size}));
  if (!value) return 0;
  if (const auto holder = attest::parse_holder_requirement(*value, "holder")) {
    const json::Json written = attest::encode(*holder);
    TORCHKEEP_CHECK(attest::encode(attest::parse_holder_requirement(written, "again").value()) ==
                    written);
  }
  if (const auto platform = attest::parse_platform_requirement(*value, "platform")) {
    TORCHKEEP_CHECK(!platform->roots.empty() && !platform->tcb_statuses.empty());
    const json::Json written = attest::encode(*platform);
    TORCHKEEP_CHECK(attest::encode(attest::parse_platform_requirement(written, "again").value()) ==
                    written);
  }
  return 0;
}
