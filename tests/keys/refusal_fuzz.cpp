#include "torchkeep/base/check.h"
#include "torchkeep/keys/messages.h"

// A hostile peer's refusal: no input crashes, and what a terminal would be shown is short and has
// no control character.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const Error error = keys::parse_refusal(403, bytes);
  TORCHKEEP_CHECK(error.message.size() < 2500);
  for (const char character : error.message) {
    TORCHKEEP_CHECK(static_cast<unsigned char>(character) >= 0x20 && character != 0x7f);
  }
  // Whatever bytes a message of ours quotes, the refusal around them can be read.
  (void)keys::parse_refusal(403, keys::encode_refusal(ErrorCode::Denied, as_text(bytes), "1"));
  return 0;
}
