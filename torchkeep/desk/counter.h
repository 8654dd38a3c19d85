#pragma once

#include <optional>

#include "torchkeep/client/key_server_client.h"
#include "torchkeep/client/owner.h"
#include "torchkeep/desk/desk.h"

/// An owner at the key server: introduced once, then stating things about models.
namespace torchkeep::desk {

/// What `introduce` needs to know.
struct Introduction {
  Path folder;  ///< Of the owner; made if it is not there, its keys are kept if they are.
  channel::Endpoint key_server;
  std::optional<Genesis> genesis;  ///< Empty: pinned as seen, or what the folder has pinned.
  Verifier verifier;
};

struct Introduced {
  client::Owner owner;
  Genesis genesis;
  attest::Claims key_server;  ///< Verified; whether they are good enough is a policy's business.
};

/// Makes the owner's keys and pins the key server after it has attested itself.
/// Errors: Denied for a debug enclave, or another genesis than the pinned one; those of
/// KeyServerClient::connect and of the folder.
Result<Introduced> introduce(const Introduction& introduction, GoOn go_on = {});

/// An owner with an attested session to the pinned key server. Move-only.
struct Counter {
  client::Owner owner;
  std::unique_ptr<Desk> desk;
  std::unique_ptr<client::KeyServerClient> server;
};

/// `pccs`, if not empty, takes the place of the remembered one.
/// Errors: NotFound, InvalidArgument without an introduced owner; those of the connection.
Result<Counter> open_counter(const Path& folder, const std::string& pccs, GoOn go_on = {});

/// Hands in the pending statement. One that the key server refused is forgotten, and so is a new one
/// if the policy does not list this key server; after any other failure it stays pending, and the
/// next call sends the very same one again.
Result<keys::Receipt> submit_pending(Counter& counter, client::StatementBook& book,
                                     std::optional<crypto::DataKey> data_key);

/// A statement left over by an interrupted call goes first, unless it needs a DEK that only the
/// recovery file has: that is refused, naming what to do.
Result<void> settle(Counter& counter, client::StatementBook& book);

/// What the key server has taken in; nothing where it was registered already.
struct Registration {
  ModelId model;
  std::size_t versions = 0;
  std::optional<keys::Receipt> model_receipt;
  std::optional<keys::Receipt> version_receipt;
  std::uint64_t version = 0;  ///< Of the container; 0 if none was given.
};

/// Registers model `name`, if it is new with `policy`, and the version in `container` (if not
/// empty) with its key, which comes from the recovery file beside it.
/// Errors: InvalidArgument with the way out: a new model without a policy, a known one with one, a
/// container of another model; whatever reading or the key server fails with.
Result<Registration> register_model(Counter& counter, const std::string& name,
                                    const std::optional<keys::Policy>& policy,
                                    const Path& container);

}  // namespace torchkeep::desk
