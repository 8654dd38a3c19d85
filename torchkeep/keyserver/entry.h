#pragma once

#include <variant>

#include "torchkeep/attest/claims.h"
#include "torchkeep/keys/identity.h"
#include "torchkeep/keys/key_store.h"

/// What a key server's log says, one entry an event. It holds hashes and names, never a secret.
/// Grammar: docs/formats/key-store.md.
namespace torchkeep::keyserver {

/// A row as the log knows it: where it is and what it holds.
struct RowId {
  std::string table;
  Bytes id;
  auto operator<=>(const RowId&) const = default;
};
struct RowDigest {
  RowId row;
  Digest256 digest{};
  bool operator==(const RowDigest&) const = default;
};
/// SHA-256(table || 0 || LE32 length of the id || id || value).
Digest256 digest_of(const keys::StoreChange::Row& row);

/// Position 0: the instance begins.
struct Began {
  Genesis genesis;
  bool operator==(const Began&) const = default;
};

/// An owner's statement was taken in; the statement itself is a row.
struct Stated {
  ModelId model;
  StatementHash statement;
  bool operator==(const Stated&) const = default;
};

/// A lease was given: to whom, for what, until when.
struct Grant {
  ByteArray<16> lease{};
  ModelId model;
  std::uint64_t version = 0;
  bool renewal = false;
  Digest256 mr_enclave{};  ///< Of the cache; zero, as the next three, for a trust domain.
  Digest256 mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  std::optional<Digest384> mr_td = {};  ///< Of a cache that is a trust domain.
  Bytes platform;                       ///< Instance of the machine, at most 64 bytes.
  std::uint64_t seconds = 0;
  std::uint64_t requests = 0;
  bool operator==(const Grant&) const = default;
};

struct LogEntry {
  TimePoint time;  ///< The host's, in whole seconds: for people, decides nothing.
  std::variant<Began, Stated, Grant> event;
  std::vector<RowDigest> rows;  ///< Written together with this entry.
  bool operator==(const LogEntry&) const = default;
};

Bytes encode(const LogEntry& entry);
/// Errors: Malformed, naming the field.
Result<LogEntry> parse_log_entry(ByteView bytes);

/// The newest position and hash of a log, signed with the log key that the genesis fixes.
struct LogHead {
  std::uint64_t position = 0;
  Digest256 hash{};
  bool operator==(const LogHead&) const = default;
};
/// LE64 position || hash (32) || Ed25519 signature (64) over label, genesis, position and hash.
Bytes sign_head(const LogHead& head, const Genesis& genesis, const crypto::Ed25519PrivateKey& key);
/// Errors: Malformed; Untrusted if it was not signed by this instance.
Result<LogHead> verify_head(ByteView bytes, const Genesis& genesis,
                            const crypto::Ed25519PublicKey& key);

}  // namespace torchkeep::keyserver
