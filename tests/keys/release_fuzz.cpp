#include "torchkeep/base/check.h"
#include "torchkeep/keys/messages.h"

// Releases and the requests for them: no input crashes, and what is read is written as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto request = keys::parse_release_request(bytes);
  if (request) TORCHKEEP_CHECK(equal(keys::encode(*request), bytes));
  auto release = keys::parse_release(bytes);
  if (!release) return 0;
  TORCHKEEP_CHECK(equal(keys::encode(*release), bytes));
  const keys::ReleaseRequest asked;
  (void)keys::open_release(std::move(release).value(), asked, std::nullopt, nullptr);
  return 0;
}
