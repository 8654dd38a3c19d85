#pragma once

#include <functional>

#include "torchkeep/runtime/model.h"

/// How far a model's answers are from those of the one that it was made from.
namespace torchkeep::quantise {

/// Inputs of a model, each in the order of its ports; made when they are needed, since a folder of
/// pictures may be larger than memory.
struct Samples {
  std::size_t count = 0;
  std::function<Result<std::vector<runtime::Tensor>>(std::size_t index)> load;
};

/// Of one output, over all samples.
struct Difference {
  std::string output;
  double absolute = 0;  ///< The largest of any number.
  double relative = 0;  ///< The same, in units of the largest number of that sample's output.
};

/// Runs both models on each sample. Outputs of integers and truth values count as numbers.
/// Errors: whatever running fails with; Malformed if an answer has another form or is no number
/// where the other's is one.
Result<std::vector<Difference>> measure_difference(runtime::Model& before, runtime::Model& after,
                                                   const Samples& samples,
                                                   const std::function<void()>& done_one = {});

}  // namespace torchkeep::quantise
