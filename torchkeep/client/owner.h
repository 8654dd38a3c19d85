#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/channel/endpoint.h"
#include "torchkeep/client/statement_book.h"
#include "torchkeep/crypto/hpke.h"

/// A model owner's folder: who they are, and what they have said. The owner's machine is trusted.
/// Files: owner.key and recovery.key (raw, mode 0600), key-server.json, models/NAME.json.
/// Grammar: docs/formats/owner-folder.md.
namespace torchkeep::client {

/// The one key server instance that this owner's statements are for.
struct KeyServerPin {
  channel::Endpoint endpoint;
  Genesis genesis;
};

/// An owner and their folder. Move-only. *Not thread-safe*; one process at a time.
class Owner {
 public:
  const Path& folder() const { return folder_; }
  const crypto::Ed25519PrivateKey& key() const { return key_; }
  const crypto::HpkePrivateKey& recovery_key() const { return recovery_key_; }
  const keys::OwnerKey& public_key() const { return key_.public_key(); }
  const std::optional<KeyServerPin>& key_server() const { return key_server_; }

  /// Pins a key server. The endpoint may change later, the genesis may not.
  /// Errors: Denied for another genesis, with the way out; Unavailable if it cannot be stored.
  Result<void> pin_key_server(const KeyServerPin& pin);

  /// The statements about one model, new or from the folder.
  /// Errors: InvalidArgument (name; no key server pinned yet); Malformed or Untrusted if the file
  /// was damaged.
  Result<StatementBook> open_book(std::string_view model) const;
  /// Names of the models in the folder, sorted. Errors: Unavailable.
  Result<std::vector<std::string>> models() const;

 private:
  friend Result<Owner> create_owner(const Path&, crypto::Random&);
  friend Result<Owner> load_owner(const Path&);
  Owner(Path folder, crypto::Ed25519PrivateKey key, crypto::HpkePrivateKey recovery_key)
      : folder_(std::move(folder)), key_(std::move(key)), recovery_key_(std::move(recovery_key)) {}
  Path folder_;
  crypto::Ed25519PrivateKey key_;
  crypto::HpkePrivateKey recovery_key_;
  std::optional<KeyServerPin> key_server_;
};

/// $HOME/.torchkeep. Errors: InvalidArgument if HOME is not set.
Result<Path> default_owner_folder();
/// Makes both keys; a folder that is new has mode 0700. A recovery key that is there alone is kept.
/// Errors: InvalidArgument if an owner is there already: keys are never replaced; Unavailable.
Result<Owner> create_owner(const Path& folder, crypto::Random& random);
/// Errors: NotFound, naming the command that makes one; Malformed; Untrusted if others may read the
/// keys.
Result<Owner> load_owner(const Path& folder);

}  // namespace torchkeep::client
