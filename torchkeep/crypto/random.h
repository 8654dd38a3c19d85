#pragma once

#include "torchkeep/base/bytes.h"

/// Unpredictable bytes, handed in so that a test can replay its own.
namespace torchkeep::crypto {

/// *Thread-safe.*
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView out) = 0;

  template <std::size_t N>
  ByteArray<N> array() {
    ByteArray<N> out;
    fill(out);
    return out;
  }
};

/// OpenSSL's generator, seeded by getrandom(2); ends the process if it fails.
class SystemRandom final : public Random {
 public:
  void fill(MutableByteView out) override;
};

}  // namespace torchkeep::crypto
