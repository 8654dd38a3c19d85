#pragma once

#include "torchkeep/crypto/key.h"
#include "torchkeep/keys/genesis.h"
#include "torchkeep/keys/identity.h"
#include "torchkeep/tee/platform.h"

/// The key server's secrets as they lie in its store: sealed to this enclave on this machine, or
/// wrapped under a key that is. Plain functions; every call unseals anew and wipes what it
/// unsealed.
namespace torchkeep::keyserver {

/// One key server instance: what its genesis fixes, and the key that signs its log. Move-only.
struct Identity {
  keys::GenesisDocument document;
  Genesis genesis;
  crypto::Ed25519PrivateKey log_key;
};

/// Errors: Malformed for roots that no genesis may have (none, more than 16, one twice).
Result<Identity> make_identity(std::vector<Digest256> roots, bool simulated,
                               crypto::Random& random);
/// LE32 length of the document || document || sealed seed of the log key.
Result<Bytes> seal_identity(const Identity& identity, tee::Platform& platform);
/// Errors: Malformed; Untrusted if another enclave or machine sealed it, with the way out.
Result<Identity> unseal_identity(ByteView row, tee::Platform& platform);

/// A new KEK for one owner, sealed. Errors: Unavailable (platform).
Result<Bytes> make_sealed_kek(tee::Platform& platform, crypto::Random& random,
                              const Genesis& genesis, const keys::OwnerKey& owner);

/// What a DEK belongs to; all of it is AAD of its wrapping.
struct DataKeyOwner {
  Genesis genesis;
  keys::OwnerKey owner;
  ModelId model;
  std::uint64_t version = 0;
  ContainerDigest container_digest;
  StatementHash statement;
};

/// Errors: Untrusted if the sealed KEK is not this owner's; Unavailable (platform).
Result<Bytes> wrap_data_key(tee::Platform& platform, crypto::Random& random, ByteView sealed_kek,
                            const DataKeyOwner& belongs, const crypto::DataKey& data_key);
/// Errors: Untrusted if the KEK or the DEK belongs to anything else; Unavailable (platform).
Result<crypto::DataKey> unwrap_data_key(tee::Platform& platform, ByteView sealed_kek,
                                        const DataKeyOwner& belongs, ByteView wrapped);

}  // namespace torchkeep::keyserver
