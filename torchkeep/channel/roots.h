#pragma once

#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/file.h"

namespace torchkeep::channel {

/// The keys of the root certificates in a PEM file; without one, Intel's own (not in a simulation
/// build, where it would never match).
/// Errors: InvalidArgument, with the option to give; as `load_file`; Malformed.
Result<std::vector<attest::RootKey>> load_roots(const Path& pem_file);

}  // namespace torchkeep::channel
