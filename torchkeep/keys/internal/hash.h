#pragma once

#include <initializer_list>

#include "torchkeep/crypto/digest.h"

namespace torchkeep::keys::internal {

/// SHA-256 of the parts one after another. The caller sees to it that the parts' borders are never
/// in doubt: at most one of them has no fixed size.
inline Digest256 sha256_of(std::initializer_list<ByteView> parts) {
  crypto::Sha256 hash;
  for (const ByteView part : parts) hash.update(part);
  return std::move(hash).finish();
}

}  // namespace torchkeep::keys::internal
