#pragma once

#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/kernels/types.h"

/// Operators that are one step over whole tensors, row by row as they lie.
namespace torchkeep::runtime::kernels {

struct Made {
  DataType dtype;
  Shape shape;
};

/// Adds a step that reads the first `inputs` inputs, row-major, and writes these outputs.
/// Memory order: the inputs, null for those left out, then the outputs, with memory for those that
/// nobody wants too. Errors: as Builder::write.
inline Result<void> plan_whole(plan::Builder& builder, std::size_t inputs,
                               std::vector<Made> outputs, plan::Action action) {
  std::vector<plan::BufferId> buffers;
  for (std::size_t i = 0; i < inputs; ++i) {
    if (builder.has_input(i))
      buffers.push_back(TRY(builder.read(i)));
    else
      buffers.push_back(builder.keep({}, nullptr));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    buffers.push_back(TRY(builder.write(i, outputs[i].dtype, std::move(outputs[i].shape))));
  builder.step(std::move(buffers), std::move(action));
  return {};
}

/// Errors: Malformed, naming the input, if it has another type or is left out.
inline Result<void> expect_type(const plan::Builder& builder, std::size_t input, DataType wanted) {
  if (!builder.has_input(input)) return malformed("input ", input, " is missing");
  const DataType found = builder.input(input).dtype;
  if (found != wanted)
    return malformed("input ", input, " is ", name_of(found), ", wanted is ", name_of(wanted));
  return {};
}

/// Errors: Malformed, naming the input, if it has another number of dimensions.
inline Result<void> expect_rank(const plan::Builder& builder, std::size_t input, std::size_t rank) {
  const Shape& shape = builder.input(input).shape;
  if (shape.size() != rank)
    return malformed("input ", input, " has shape ", describe(shape), ", wanted are ", rank,
                     " dimensions");
  return {};
}

/// A size as the dimension of a shape.
inline std::int64_t dimension(std::size_t size) { return static_cast<std::int64_t>(size); }

}  // namespace torchkeep::runtime::kernels
