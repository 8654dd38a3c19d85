#pragma once

#include "torchkeep/base/result.h"

namespace torchkeep::runtime {

/// Bytes a second at which `threads` threads together read memory that no cache holds: 1 GiB, read
/// front to back by each its part, the fastest of several times. What a model is measured by that
/// reads all of its parameters for each token.
/// Errors: Unavailable if memory is short.
Result<double> measure_memory_rate(int threads);

}  // namespace torchkeep::runtime
