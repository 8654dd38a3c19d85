#pragma once

#include <string>

#include "torchkeep/base/result.h"

/// What a program does for its own protection when it starts.
namespace torchkeep {

enum class Debuggers {
  Forbidden,  ///< No ptrace by the same user.
  Allowed,    ///< The simulated platform reads /proc/PID/exe, which needs the same permission.
};

/// Forbids core dumps and, if so asked, debuggers of the same user, where the kernel can; `SIGPIPE`
/// becomes an error code. Says what applies: "core dumps off, ptrace off" or "not applicable here".
std::string harden_process(Debuggers debuggers);

}  // namespace torchkeep
