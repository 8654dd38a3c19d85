#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/crypto/hpke.h"
#include "torchkeep/crypto/key.h"
#include "torchkeep/keys/identity.h"

/// One container's DEK, encrypted to its owner's own recovery key: the owner keeps it, nobody else
/// can open it. Grammar: docs/formats/recovery-file.md.
namespace torchkeep::client {

/// What the file says in clear; all of it is bound to the encrypted DEK.
struct RecoveryHeader {
  keys::OwnerKey owner;
  std::string name;
  std::uint64_t version = 0;
  ContainerDigest container_digest;
  KeyId key_id;
};

struct Recovery {
  RecoveryHeader header;
  Bytes encrypted_key;
};

Recovery encrypt_recovery(const RecoveryHeader& header, const crypto::DataKey& data_key,
                          const crypto::HpkePublicKey& recovery_key);
/// Errors: Untrusted if key or header is another.
Result<crypto::DataKey> decrypt_recovery(const Recovery& recovery,
                                         const crypto::HpkePrivateKey& recovery_key);

/// Canonical JSON. Errors of reading: Malformed, naming the field.
std::string encode(const Recovery& recovery);
Result<Recovery> parse_recovery(std::string_view text);

/// Errors as `store_file` and `load_file`; Malformed.
Result<void> store_recovery(const Path& path, const Recovery& recovery);
Result<Recovery> load_recovery(const Path& path);

}  // namespace torchkeep::client
