#pragma once

#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/file.h"
#include "torchkeep/channel/endpoint.h"

/// What this owner judges evidence by: where collateral comes from and which roots count. Made by
/// `owner init`, kept in the owner's folder as verifier.json.
namespace torchkeep::cli {

struct Verifier {
  channel::Endpoint pccs;
  std::vector<attest::RootKey> roots;
};

Result<void> store_verifier(const Path& owner_folder, const Verifier& verifier);
/// `pccs`, if not empty, takes the place of the endpoint in the file. Errors: NotFound, naming the
/// command to call first; Malformed.
Result<Verifier> load_verifier(const Path& owner_folder, const std::string& pccs);

}  // namespace torchkeep::cli
