// An endpoint as an operator writes it.
#include "torchkeep/base/bytes.h"
#include "torchkeep/channel/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto endpoint = torchkeep::channel::parse_endpoint(torchkeep::as_text({data, size}));
  if (!endpoint) return 0;
  const auto again = torchkeep::channel::parse_endpoint(endpoint->text());
  TORCHKEEP_CHECK(again.ok() && *again == *endpoint);
  return 0;
}
