// Log entries as they come back from the host's disk.
#include "torchkeep/keyserver/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entry = torchkeep::keyserver::parse_log_entry({data, size});
  if (!entry) return 0;
  // An entry has one spelling: what was read is what is written.
  const torchkeep::Bytes written = torchkeep::keyserver::encode(*entry);
  TORCHKEEP_CHECK(torchkeep::keyserver::parse_log_entry(written).value() == *entry);
  return 0;
}
