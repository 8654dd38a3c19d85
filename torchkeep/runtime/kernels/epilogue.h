#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// What the optimiser fused onto a node, as oneDNN's primitives take it.
namespace torchkeep::runtime::kernels {

dnn::Epilogue epilogue_of(const plan::Builder& builder);

/// Whether the residual, if there is one, is what oneDNN can add: of the result's own type and
/// shape.
bool residual_fits(const plan::Builder& builder, const Shape& shape,
                   DataType dtype = DataType::Float32);

/// The output of a primitive with that epilogue: memory in `layout` in which the residual stands
/// already, if there is one; it must fit.
Result<plan::BufferId> write_output(plan::Builder& builder, Shape shape, const dnn::Layout& layout,
                                    DataType dtype = DataType::Float32);

/// For a residual that does not fit: output 0 becomes `result` plus the residual, each spread over
/// the other, then the activation. Errors: Malformed if the shapes cannot be spread.
Result<void> add_residual_apart(plan::Builder& builder, const Shape& shape,
                                const dnn::Layout& layout, plan::BufferId result);

/// Errors: Malformed, naming the input, if it is not float32.
Result<void> expect_float(const plan::Builder& builder, std::size_t input);

}  // namespace torchkeep::runtime::kernels
