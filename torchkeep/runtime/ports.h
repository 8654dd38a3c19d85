#pragma once

#include <span>

#include "torchkeep/runtime/tensor.h"

/// Whether tensors are what a model says of them.
namespace torchkeep::runtime {

/// Errors: InvalidArgument, naming the input, for another type, shape or size than `port` has, and
/// for a value that is no tensor and does not follow its grammar (sequence.h).
Result<void> check_input(const Port& port, const Tensor& tensor);

/// What an output is, be it made or only planned.
struct Made {
  DataType dtype = DataType::Float32;
  const Shape& shape;
};
/// Errors: Malformed if it is not what the graph declares.
Result<void> check_output(const Port& port, const Made& made);

}  // namespace torchkeep::runtime
