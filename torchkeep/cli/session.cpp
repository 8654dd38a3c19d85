#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

channel::CollateralStoreParts store_parts(const Verifier& verifier) {
  channel::CollateralStoreParts parts;
  parts.pccs =
      make_pccs_client(verifier).value();  // whoever made `verifier` has seen that it can be
  parts.roots = verifier.roots;
  parts.folder = verifier.collateral_cache;
  parts.refresh = channel::CollateralStoreParts::Refresh::First;
  return parts;
}

}  // namespace

Result<Path> owner_folder(const Invocation& invocation) {
  if (!invocation.owner_folder.empty()) return invocation.owner_folder;
  return client::default_owner_folder();
}

Desk::Desk(const Verifier& verifier)
    : collateral_(store_parts(verifier), clock_, log_), roots_(verifier.roots) {}

channel::SessionParty Desk::party(tee::Role role) {
  return {.role = role,
          .platform = nullptr,
          .context = {},
          .collateral = &collateral_,
          .roots = roots_,
          .clock = &clock_,
          .random = &random_};
}

channel::SessionParty Desk::owner_party(const crypto::Ed25519PrivateKey& key) {
  channel::SessionParty self = party(tee::Role::Owner);
  self.owner_key = &key;
  return self;
}

channel::SessionParty Desk::client_party() { return party(tee::Role::Client); }

}  // namespace torchkeep::cli
