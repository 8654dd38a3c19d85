#pragma once

#include <memory>
#include <string>

#include "torchkeep/base/bytes.h"
#include "torchkeep/channel/tls.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX, spelled only in sources

namespace torchkeep::channel {

/// What both kinds of context hold. *Immutable* once made.
struct TlsMaterial {
  std::shared_ptr<ssl_ctx_st> context;
  Bytes own_spki;
  /// Whose certificate the server must show; empty where attestation tells who it is.
  std::string web_host = {};
};

struct TlsServerContext::State {
  TlsMaterial material;
};

struct TlsClientContext::State {
  TlsMaterial material;
};

}  // namespace torchkeep::channel
