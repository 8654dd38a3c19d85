#pragma once

#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/file.h"
#include "torchkeep/channel/pccs.h"

/// What this owner judges evidence by: where collateral comes from and which roots count. Made by
/// `owner init`, kept in the owner's folder as verifier.json.
namespace torchkeep::desk {

struct Verifier {
  channel::PccsAddress pccs;
  Bytes pccs_ca;  ///< PEM; which CA alone vouches for an https PCCS. Empty: the system's.
  std::vector<attest::RootKey> roots;
  Path collateral_cache;  ///< Empty: nothing is kept on the disk.
};

/// Where an owner's collateral is kept.
Path collateral_folder(const Path& owner_folder);

/// Errors: as `channel::PccsClient::create`.
Result<std::unique_ptr<channel::PccsClient>> make_pccs_client(const Verifier& verifier);

Result<void> store_verifier(const Path& owner_folder, const Verifier& verifier);
/// `pccs`, if not empty, takes the place of the address in the file. Errors: NotFound, naming the
/// command to call first; Malformed.
Result<Verifier> load_verifier(const Path& owner_folder, const std::string& pccs);

}  // namespace torchkeep::desk
