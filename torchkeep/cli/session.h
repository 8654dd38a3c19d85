#pragma once

#include "torchkeep/channel/roots.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/desk/counter.h"

/// What a command that goes over the network has at hand.
namespace torchkeep::cli {

using desk::Desk;
using desk::load_verifier;
using desk::make_pccs_client;
using desk::Verifier;

/// --owner-folder, or the usual one.
Result<Path> owner_folder(const Invocation& invocation);

}  // namespace torchkeep::cli
