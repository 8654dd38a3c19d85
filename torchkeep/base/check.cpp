#include "torchkeep/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace torchkeep {

void fail_check(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "torchkeep: broken invariant at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace torchkeep
