#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "torchkeep/base/text.h"

/// Work that may bring down its process, in a process of its own.
namespace torchkeep::cli {

/// Calls `work` in a child process and returns what it returns, of any length.
/// The caller's process must have no other threads: a child starts with one alone.
/// Errors: Internal if the child crashed, saying with which signal, or took longer than `limit`;
/// Unavailable if no process could be started.
Result<std::string> run_isolated(const std::function<std::string()>& work,
                                 std::chrono::seconds limit);

}  // namespace torchkeep::cli
