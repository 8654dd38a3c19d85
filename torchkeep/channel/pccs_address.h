#pragma once

#include <cstdint>
#include <string>

#include "torchkeep/base/result.h"

namespace torchkeep::channel {

/// Where a PCCS is. Names are resolved here and nowhere else: all that comes from there is signed
/// by somebody whom we verify, so a forged address can keep documents from us and no more.
struct PccsAddress {
  bool tls = false;
  std::string host;  ///< A literal address or a name.
  std::uint16_t port = 0;
  std::string base;  ///< Path before /sgx/certification/v4: empty, or "/..." without a last slash.

  /// "127.0.0.1:8081", or "https://host:port/base".
  std::string text() const;
  /// As HTTP's Host header says it.
  std::string authority() const;
  bool operator==(const PccsAddress&) const = default;
};

/// Reads HOST:PORT (plain HTTP) or http[s]://HOST[:PORT][/BASE]; "localhost" is 127.0.0.1.
/// Errors: InvalidArgument, with an example.
Result<PccsAddress> parse_pccs_address(std::string_view text);

/// Intel's own service, which has its root's CRL elsewhere.
bool is_intels(const PccsAddress& address);

}  // namespace torchkeep::channel
