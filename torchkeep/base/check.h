#pragma once

/// Broken invariants of our own end the process: a confused enclave is worse than a stopped one.
namespace torchkeep {

[[noreturn]] void fail_check(const char* condition, const char* file, int line);

}  // namespace torchkeep

#define TORCHKEEP_CHECK(condition) \
  ((condition) ? void(0) : ::torchkeep::fail_check(#condition, __FILE__, __LINE__))
