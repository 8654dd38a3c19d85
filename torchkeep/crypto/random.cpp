#include "torchkeep/crypto/random.h"

#include <openssl/rand.h>

namespace torchkeep::crypto {

void SystemRandom::fill(MutableByteView out) {
  TORCHKEEP_CHECK(RAND_priv_bytes_ex(nullptr, out.data(), out.size(), 256) == 1);
}

}  // namespace torchkeep::crypto
