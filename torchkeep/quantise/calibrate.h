#pragma once

#include "torchkeep/quantise/difference.h"
#include "torchkeep/quantise/draft.h"
#include "torchkeep/quantise/numbers.h"

namespace torchkeep::quantise {

struct Calibration {
  double percentile = 100;  ///< Of a sample's numbers that the range holds.
  int threads = 1;
};

/// Runs the model on all samples and returns the range of each value, 0 included, which must have a
/// place of its own. `done_one` is called after each sample.
/// Errors: Malformed, naming the value, if it is NaN or infinite; what loading and running fail
/// with.
Result<std::vector<Range>> calibrate(Draft& draft, const std::vector<std::string_view>& values,
                                     const Samples& samples, const Calibration& calibration,
                                     const std::function<void()>& done_one);

}  // namespace torchkeep::quantise
