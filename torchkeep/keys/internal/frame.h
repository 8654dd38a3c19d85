#pragma once

#include <optional>

#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/key.h"
#include "torchkeep/json/json.h"

/// Bodies of the key protocol. Grammar: docs/formats/key-protocol.md, "Frames".
namespace torchkeep::keys::internal {

inline constexpr std::size_t kMaxFrameJsonBytes = std::size_t{16} << 20;

/// A frame taken apart; the DEK never was part of the tree.
struct Frame {
  json::Json value;
  std::optional<crypto::DataKey> data_key;
};

/// LE32 length of the JSON || canonical JSON || DEK (32 bytes, or nothing), in wiped memory.
SecretBuffer encode_frame(const json::Json& value, const std::optional<crypto::DataKey>& data_key);

/// `what` names the message in errors. Errors: Malformed for any other length, for a DEK of equal
/// bytes, and for any spelling of the JSON but the canonical one.
Result<Frame> parse_frame(ByteView body, std::string_view what);

/// A body that is canonical JSON alone. Errors: Malformed.
Result<json::Json> parse_body(ByteView body, std::size_t max_bytes, std::string_view what);

}  // namespace torchkeep::keys::internal
