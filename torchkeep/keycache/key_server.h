#pragma once

#include <boost/asio/awaitable.hpp>

#include "torchkeep/attest/claims.h"
#include "torchkeep/keys/messages.h"

namespace torchkeep::keycache {

namespace asio = boost::asio;

/// What a key server answered, and what its session's evidence says of it; judged by the cache.
struct KeyServerAnswer {
  keys::Release release;
  Genesis genesis;        ///< As bound by the session's evidence.
  attest::Claims claims;  ///< Verified, not appraised.
};

/// The cache's way to its key server. *Lives on one strand.*
class KeyServer {
 public:
  virtual ~KeyServer() = default;
  /// Errors: Denied or NotFound if the key server says no; Unavailable if it is away; Untrusted or
  /// Malformed if what answers is no key server that proves itself.
  virtual asio::awaitable<Result<KeyServerAnswer>> release(keys::ReleaseRequest request) = 0;
};

}  // namespace torchkeep::keycache
