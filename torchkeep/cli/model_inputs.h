#pragma once

#include <optional>
#include <span>

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/tensor.h"

/// What a user hands in for a model's inputs, on the command line.
namespace torchkeep::cli {

/// For each of the model's inputs the file that an argument NAME=FILE names, if any does. FILE
/// alone will do if the model has one input. Errors: InvalidArgument for an unknown or repeated
/// name, saying which inputs there are.
Result<std::vector<std::optional<Path>>> match_inputs(std::span<const runtime::Port> ports,
                                                      const std::vector<std::string>& arguments);

/// The tensor for one input, of its type and a shape that it takes.
/// Errors: those of load_tensor; InvalidArgument, naming input, file, what is found and wanted.
Result<runtime::Tensor> load_input(const runtime::Port& port, const Path& file);

/// All inputs of a model. Errors: also InvalidArgument for an input that no argument names.
Result<std::vector<runtime::Tensor>> load_inputs(std::span<const runtime::Port> ports,
                                                 const std::vector<std::string>& arguments);

/// "\"image\" FP32 [?, 3, 224, 224], \"mask\" BOOL [?]".
std::string describe(std::span<const runtime::Port> ports);

}  // namespace torchkeep::cli
