#pragma once

#include <memory>

#include "torchkeep/base/bytes.h"

/// SHA-2 (FIPS 180-4) and HMAC (FIPS 198-1).
namespace torchkeep::crypto {

Digest256 sha256(ByteView bytes);
Digest384 sha384(ByteView bytes);
Digest512 sha512(ByteView bytes);
Digest256 hmac_sha256(ByteView key, ByteView bytes);

/// SHA-256 of bytes that come in pieces. Move-only.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  Sha256& update(ByteView bytes);
  Digest256 finish() &&;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::crypto
