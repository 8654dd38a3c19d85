#pragma once

#include "torchkeep/base/result.h"

namespace torchkeep::runtime {

/// How fast this machine multiplies float32 matrices with oneDNN, in floating-point operations a
/// second: the best of some hundred milliseconds on square matrices that fit into the caches. What
/// a model's convolutions and products would take at this rate is the floor below which no fp32
/// engine built on oneDNN gets. `threads`: 1 to 256. Errors: Malformed or Internal if oneDNN fails;
/// Unavailable if memory is short.
Result<double> measure_matrix_rate(int threads);

}  // namespace torchkeep::runtime
