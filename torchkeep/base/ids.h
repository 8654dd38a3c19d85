#pragma once

#include <compare>
#include <string>

#include "torchkeep/base/encoding.h"

/// Names made of hash values; one type each, so that none is passed for another.
namespace torchkeep {

template <typename Tag, std::size_t N = 32>
struct Id {
  ByteArray<N> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string hex() const { return encode_hex(bytes); }
  bool is_zero() const { return bytes == ByteArray<N>{}; }

  static Result<Id> parse(std::string_view hex) {
    return Id{TRY(decode_hex_array<N>(hex))};
  }
};

using ModelId = Id<struct ModelIdTag>;  ///< Owner's public key and model name; keys/identity.h.
using KeyId = Id<struct KeyIdTag, 16>;  ///< Names a DEK without telling about it.
using Genesis = Id<struct GenesisTag>;  ///< One key server instance; keys/genesis.h.
using StatementHash = Id<struct StatementHashTag>;      ///< keys/statement.h.
using ContainerDigest = Id<struct ContainerDigestTag>;  ///< container/digest.h.

}  // namespace torchkeep
