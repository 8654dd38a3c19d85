// Log heads as they come back from the host's disk; what a host cannot do, sign one, is done for
// it.
#include "torchkeep/keyserver/entry.h"

#include "tests/support/fake_owner.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  static const crypto::Ed25519PrivateKey kKey = testing::fake_owner_key(1);
  const Genesis genesis = testing::fake_genesis();
  const ByteView bytes(data, size);
  const auto head = keyserver::verify_head(bytes, genesis, kKey.public_key());
  if (head) TORCHKEEP_CHECK(equal(keyserver::sign_head(*head, genesis, kKey), bytes));
  if (size < 40) return 0;
  keyserver::LogHead own{load_le64(bytes.first(8)), *to_array<32>(bytes.subspan(8, 32))};
  const Bytes signed_head = keyserver::sign_head(own, genesis, kKey);
  TORCHKEEP_CHECK(keyserver::verify_head(signed_head, genesis, kKey.public_key()).value() == own);
  return 0;
}
