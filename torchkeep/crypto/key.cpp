#include "torchkeep/crypto/key.h"

#include "torchkeep/base/text.h"

namespace torchkeep::crypto {

Result<void> check_key_bytes(ByteView bytes) {
  if (bytes.size() != kKeyBytes) {
    return invalid_argument("a key has ", kKeyBytes, " bytes, this one ", bytes.size());
  }
  // Without a branch on the bytes: a zero or constant key comes from a defect, never from chance.
  std::uint8_t difference = 0;
  for (const std::uint8_t byte : bytes) {
    difference = static_cast<std::uint8_t>(difference | (byte ^ bytes[0]));
  }
  if (difference == 0) return invalid_argument("a key whose bytes are all the same is no key");
  return {};
}

}  // namespace torchkeep::crypto
