#include "torchkeep/base/bytes.h"
#include "torchkeep/worker/model_config.h"

/// config.json, which the host writes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)torchkeep::worker::parse_model_config(torchkeep::as_text({data, size}));
  return 0;
}
