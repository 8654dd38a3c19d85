#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// How operators that know nothing of half floats work with them: they are handed float32, and
/// float32 results are rounded back. Source: ONNX operators, whose results have their inputs' type.
namespace torchkeep::runtime::plan {

/// Memory order: halves of that type, floats; and the other way round.
Action widen_action(DataType from, std::uint64_t count);
Action narrow_action(DataType to, std::uint64_t count);

/// The type of the float32 results of a node with inputs of these types: that of the first that is
/// a floating-point number. None if nothing is rounded.
std::optional<DataType> narrow_type(std::span<const DataType> inputs);

/// Runs a kernel that runs alone. Errors: as Kernel::run.
Result<std::vector<Tensor>> run_kernel_alone(kernels::Kernel& kernel, std::span<const View> inputs,
                                             Context& context);

}  // namespace torchkeep::runtime::plan
