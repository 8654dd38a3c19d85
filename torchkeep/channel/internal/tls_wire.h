#pragma once

#include <memory>

#include "torchkeep/base/bytes.h"

struct bio_st;

/// Where OpenSSL reads and writes ciphertext instead of a socket.
namespace torchkeep::channel {

/// Ciphertext on its way between socket and OpenSSL; nothing in it is secret.
struct TlsWire {
  std::unique_ptr<std::uint8_t[]> in;
  std::size_t capacity = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;
  Bytes out;
};

/// For SSL_set_bio, which takes it over. `wire` outlives it.
bio_st* make_bio(TlsWire& wire);

}  // namespace torchkeep::channel
