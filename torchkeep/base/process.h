#pragma once

#include <string>

#include "torchkeep/base/result.h"

/// How a program begins and ends: what it does for its own protection, and its exit code.
namespace torchkeep {

enum class Debuggers {
  Forbidden,  ///< No ptrace by the same user.
  Allowed,    ///< The simulated platform reads /proc/PID/exe, which needs the same permission.
};

/// Forbids core dumps and, if so asked, debuggers of the same user, where the kernel can; `SIGPIPE`
/// becomes an error code. Says what applies: "core dumps off, ptrace off" or "not applicable here".
std::string harden_process(Debuggers debuggers);

/// How a program of ours ends: 0 is success. 1 refused (Denied, Untrusted); 2 wrong call or input;
/// 3 not found; 4 something is away, try again; 5 a defect of ours.
int exit_code(ErrorCode code);

}  // namespace torchkeep
