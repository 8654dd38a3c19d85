#pragma once

#include <functional>

#include "torchkeep/base/secret.h"

/// The plaintext inside a model container: graph, then parameters in order of use, so that reading
/// is one forward stream into final memory. Grammar: docs/formats/payload.md.
namespace torchkeep::runtime {

inline constexpr std::string_view kPayloadMagic = "TKP1";
inline constexpr std::size_t kPayloadHeaderBytes = 4 + 8 + 8;
inline constexpr std::size_t kPayloadAlignment = 64;
inline constexpr std::uint64_t kMaxGraphBytes = std::uint64_t{64} << 20;

/// Fills all of `out` with the next bytes of a stream, or fails.
using PayloadSource = std::function<Result<void>(MutableByteView out)>;

struct PayloadHeader {
  std::uint64_t graph_bytes = 0;
  std::uint64_t data_bytes = 0;

  /// Zero bytes between graph and data; none if there is no data.
  std::uint64_t padding_bytes() const;
  /// Of the whole payload.
  std::uint64_t total_bytes() const;
};

Bytes encode_payload_header(const PayloadHeader& header);
/// Errors: Malformed if it is no payload, the graph is above kMaxGraphBytes or the parts do not
/// add up to `payload_bytes`.
Result<PayloadHeader> parse_payload_header(ByteView bytes, std::uint64_t payload_bytes);

struct Payload {
  SecretBytes graph;  ///< A ModelProto; not yet looked at.
  SecretBytes data;   ///< What its external initializers point into.
};

/// Reads a whole payload. `payload_bytes` bounds what is allocated and must be authentic.
/// Errors: Malformed; Unavailable if memory is short; whatever `source` fails with.
Result<Payload> load_payload(const PayloadSource& source, std::uint64_t payload_bytes);

}  // namespace torchkeep::runtime
