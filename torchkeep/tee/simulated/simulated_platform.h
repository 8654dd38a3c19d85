#pragma once

#include "torchkeep/tee/platform.h"

/// The simulated SGX machine behind a Unix socket: development only.
namespace torchkeep::tee {

/// Asks the simulator at once whether it would vouch for this program.
/// Errors: Denied in a program that was not built for simulation; InvalidArgument for no socket or
/// too long a path; Unavailable if no simulator listens; the simulator's reason, mostly Untrusted,
/// if it does not vouch for this program.
Result<std::unique_ptr<Platform>> open_simulated_platform(const std::string& socket_path);

}  // namespace torchkeep::tee
