#include "torchkeep/channel/internal/tls_wire.h"

#include <algorithm>
#include <cstring>

#include <openssl/bio.h>

#include "torchkeep/crypto/openssl.h"

namespace torchkeep::channel {
namespace {

int read_wire(BIO* bio, char* out, std::size_t size, std::size_t* got) {
  TlsWire& wire = *static_cast<TlsWire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *got = std::min(size, wire.end - wire.begin);
  if (*got == 0) {
    if (!wire.ended) BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, wire.in.get() + wire.begin, *got);
  wire.begin += *got;
  return 1;
}

int write_wire(BIO* bio, const char* bytes, std::size_t size, std::size_t* put) {
  TlsWire& wire = *static_cast<TlsWire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  append(wire.out, as_bytes({bytes, size}));
  *put = size;
  return 1;
}

long control_wire(BIO* bio, int command, long, void*) {
  const TlsWire& wire = *static_cast<TlsWire*>(BIO_get_data(bio));
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return wire.ended && wire.begin == wire.end ? 1 : 0;
  return 0;
}

}  // namespace

BIO* make_bio(TlsWire& wire) {
  struct Method {
    crypto::Handle<BIO_METHOD, BIO_meth_free> handle{
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "torchkeep wire")};
    Method() {
      TORCHKEEP_CHECK(handle != nullptr);
      BIO_meth_set_read_ex(handle.get(), read_wire);
      BIO_meth_set_write_ex(handle.get(), write_wire);
      BIO_meth_set_ctrl(handle.get(), control_wire);
    }
  };
  static const Method method;  // immutable
  BIO* const bio = BIO_new(method.handle.get());
  TORCHKEEP_CHECK(bio != nullptr);
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace torchkeep::channel
