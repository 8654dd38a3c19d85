#include "torchkeep/base/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>

namespace torchkeep {

std::string harden_process(Debuggers debuggers) {
  std::signal(SIGPIPE, SIG_IGN);
  const rlimit no_core{0, 0};
  const bool limited = setrlimit(RLIMIT_CORE, &no_core) == 0;
  // Absent in the SGX LibOS, whose enclave no host process can trace or dump anyway.
  const bool undumpable = debuggers == Debuggers::Forbidden && prctl(PR_SET_DUMPABLE, 0) == 0;
  if (limited && undumpable) return "core dumps off, ptrace off";
  if (limited) return "core dumps off";
  return "not applicable here";
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::Untrusted:
    case ErrorCode::Denied:
      return 1;
    case ErrorCode::InvalidArgument:
    case ErrorCode::Malformed:
      return 2;
    case ErrorCode::NotFound:
      return 3;
    case ErrorCode::Unavailable:
      return 4;
    case ErrorCode::Internal:
      break;
  }
  return 5;
}

}  // namespace torchkeep
