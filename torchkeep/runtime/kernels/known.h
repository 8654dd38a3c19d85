#pragma once

#include <algorithm>

#include "torchkeep/runtime/graph/parse.h"
#include "torchkeep/runtime/plan/builder.h"

/// Inputs whose elements must be known while planning: shapes, axes, bounds.
namespace torchkeep::runtime::kernels {

/// The integers of an input that the kernel `needs_known`.
/// Errors: Malformed if they are no integers or more than 65536.
inline Result<std::vector<std::int64_t>> known_ints(const plan::Builder& builder,
                                                    std::size_t index) {
  const plan::Operand& input = builder.input(index);
  if (!input.constant)
    return malformed("input ", index, " decides a shape and is not known while planning");
  if (input.constant->bytes().size() > onnx::kMaxAttributeValues * sizeof(std::int64_t))
    return malformed("input ", index, " has too many numbers");
  return graph::to_ints(*input.constant);
}

/// The same for an input that holds one number.
inline Result<std::int64_t> known_int(const plan::Builder& builder, std::size_t index) {
  const std::vector<std::int64_t> numbers = TRY(known_ints(builder, index));
  if (numbers.size() != 1)
    return malformed("input ", index, " holds ", numbers.size(), " numbers, wanted is 1");
  return numbers[0];
}

/// Axes that older versions of an operator have as an attribute, newer ones as input `index`.
inline Result<std::vector<std::int64_t>> axes_of(const plan::Builder& builder, std::size_t index,
                                                 const std::vector<std::int64_t>& attribute) {
  return builder.has_input(index) ? known_ints(builder, index) : attribute;
}

/// Errors: Malformed if there are more than kMaxRank dimensions, one is negative, or all together
/// are absurd.
inline Result<void> check_shape(const Shape& shape) {
  if (shape.size() > onnx::kMaxRank)
    return malformed("the result has ", shape.size(), " dimensions, at most ", onnx::kMaxRank,
                     " are supported");
  TRY(element_count(shape));
  return {};
}

}  // namespace torchkeep::runtime::kernels
