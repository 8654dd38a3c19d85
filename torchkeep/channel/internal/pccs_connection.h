#pragma once

#include "torchkeep/channel/pccs.h"

namespace torchkeep::channel {

/// A place that serves documents, and how its certificate is judged (null: plain HTTP).
struct PccsPlace {
  PccsAddress address;
  std::shared_ptr<TlsClientContext> tls;
};

/// Resolves the name, then takes the first address that answers.
/// Errors: Unavailable; Untrusted for its TLS certificate.
asio::awaitable<Result<std::unique_ptr<HttpClient>>> connect(const PccsPlace& place,
                                                             const PccsPatience& patience);

}  // namespace torchkeep::channel
