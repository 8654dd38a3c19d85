#pragma once

#include <string>

#include "torchkeep/base/ids.h"
#include "torchkeep/crypto/ed25519.h"

/// Who a model is: its owner's public key and its name. Two owners never collide.
namespace torchkeep::keys {

using OwnerKey = crypto::Ed25519PublicKey;
std::string hex(const OwnerKey& owner);
Result<OwnerKey> parse_owner_key(std::string_view hex);

/// 1 to 64 of a-z, 0-9, '-', '_', '.', not beginning with '.'. Errors: InvalidArgument.
Result<void> check_model_name(std::string_view name);

/// SHA-256("torchkeep/model/v1" || owner key (32) || name).
ModelId model_id(const OwnerKey& owner, std::string_view name);

/// SHA-256("torchkeep/key-id/v1" || HKDF of the DEK)[0..15]: names a DEK, tells nothing about it.
KeyId key_id(ByteView data_key);

}  // namespace torchkeep::keys
