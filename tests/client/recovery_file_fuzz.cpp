#include "torchkeep/base/check.h"
#include "torchkeep/client/recovery_file.h"

// Recovery files: no input crashes, and what is read is written as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const std::string_view text = as_text(ByteView(data, size));
  const auto recovery = client::parse_recovery(text);
  if (!recovery) return 0;
  TORCHKEEP_CHECK(client::encode(*recovery) == text);
  SecretBytes seed(32);
  seed.expose()[0] = 1;
  static const auto key = crypto::HpkePrivateKey::from_bytes(std::move(seed)).value();
  (void)client::decrypt_recovery(*recovery, key);
  return 0;
}
