#pragma once

#include <cstdint>
#include <string>

#include "torchkeep/base/result.h"

namespace torchkeep::channel {

/// A literal address and port; names are the host's to forge, so none are resolved.
struct Endpoint {
  std::string address;  ///< IPv4 or IPv6 literal; "localhost" means 127.0.0.1.
  std::uint16_t port = 0;
  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// "127.0.0.1:8443", "[::1]:8443", "localhost:0". Errors: InvalidArgument, with an example.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace torchkeep::channel
