#pragma once

#include "torchkeep/attest/claims.h"
#include "torchkeep/cli/console.h"

/// Verified claims as a person or a script reads them.
namespace torchkeep::cli {

void show(const Console& console, const attest::Claims& claims);
json::Json encode(const attest::Claims& claims);

}  // namespace torchkeep::cli
