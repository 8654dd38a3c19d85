#pragma once

#include "torchkeep/cli/console.h"
#include "torchkeep/cli/evidence.h"

/// Evidence in a person's words, before anything of it is proven.
namespace torchkeep::cli {

/// What it says of the code, who made it, and which documents it takes to believe it. `quote` is
/// how the user named it, for the commands to type next.
void explain(const Console& console, const SelfDescription& evidence, ByteView bytes,
             const std::string& quote);
/// The same for scripts.
json::Json encode_explanation(const SelfDescription& evidence, ByteView bytes);

/// Where the vendor publishes the documents that this evidence takes; empty if it cannot be told.
std::vector<std::string> collateral_addresses(const SelfDescription& evidence);

}  // namespace torchkeep::cli
