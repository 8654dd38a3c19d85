#include "torchkeep/cli/session.h"

#include "torchkeep/channel/pccs.h"

namespace torchkeep::cli {

Result<Path> owner_folder(const Invocation& invocation) {
  if (!invocation.owner_folder.empty()) return invocation.owner_folder;
  return client::default_owner_folder();
}

Desk::Desk(const Verifier& verifier)
    : collateral_(std::make_unique<channel::PccsCollateral>(verifier.pccs, clock_)),
      roots_(verifier.roots) {}

channel::SessionParty Desk::party(tee::Role role) {
  return {.role = role,
          .platform = nullptr,
          .context = {},
          .collateral = collateral_.get(),
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
