#pragma once

#include "torchkeep/cli/console.h"
#include "torchkeep/desk/findings.h"

/// Verified claims as a person reads them.
namespace torchkeep::cli {

using desk::encode;

void show(const Console& console, const attest::Claims& claims);

}  // namespace torchkeep::cli
