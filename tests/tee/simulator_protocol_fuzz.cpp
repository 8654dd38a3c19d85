#include "torchkeep/base/check.h"
#include "torchkeep/tee/simulated/protocol.h"

// Requests and answers of the simulator: no input crashes, and a request is read back as written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto request = tee::simulated::decode_request(bytes);
  if (request) TORCHKEEP_CHECK(equal(tee::simulated::encode_request(*request), bytes));
  (void)tee::simulated::decode_answer(bytes);
  return 0;
}
