#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// What the optimiser fused onto a node, as oneDNN's primitives take it.
namespace torchkeep::runtime::kernels {

dnn::Epilogue epilogue_of(const plan::Builder& builder);

/// The output of a primitive with that epilogue: memory in `layout` in which the residual stands
/// already, if there is one.
/// Errors: Malformed if the residual has another shape or type than the output.
Result<plan::BufferId> write_output(plan::Builder& builder, Shape shape, const dnn::Layout& layout);

/// Errors: Malformed, naming the input, if it is not float32.
Result<void> expect_float(const plan::Builder& builder, std::size_t input);

}  // namespace torchkeep::runtime::kernels
