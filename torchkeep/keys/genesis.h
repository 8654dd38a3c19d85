#pragma once

#include <vector>

#include "torchkeep/base/ids.h"
#include "torchkeep/json/json.h"

/// What makes one key server instance that instance: fixed at its first start, pinned by owners.
namespace torchkeep::keys {

struct GenesisDocument {
  ByteArray<32> log_key{};       ///< Public half of the key that signs its log.
  std::vector<Digest256> roots;  ///< SHA-256 of the root keys it judges evidence by.
  bool simulated = false;
  ByteArray<32> random{};
};

json::Json encode(const GenesisDocument& document);
Result<GenesisDocument> parse_genesis(const json::Json& value);
/// SHA-256("torchkeep/genesis/v1" || canonical JSON).
Genesis genesis_of(const GenesisDocument& document);

/// A key server's session context: genesis (32) || SHA-256 of its live configuration (32).
Bytes encode_keyserver_context(const Genesis& genesis, const Digest256& configuration);
Result<Genesis> parse_keyserver_context(ByteView context);

}  // namespace torchkeep::keys
