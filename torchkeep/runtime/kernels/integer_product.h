#pragma once

#include "torchkeep/runtime/kernels/types.h"

/// Products of matrices of 8 bit integers less their zero points: exact, whatever the processor.
/// oneDNN's saturate where it has no instructions for them. Source: ONNX operators
/// MatMulInteger-10, ConvInteger-10.
namespace torchkeep::runtime::kernels {

using ByteTypes = Types<std::int8_t, std::uint8_t>;

/// A matrix, or a row of them, of 8 bit integers.
struct Bytes8 {
  std::size_t input = 0;            ///< Of the node.
  std::optional<std::size_t> zero;  ///< The input that holds zero points; none: they are 0.
  std::size_t planes = 1, rows = 1, columns = 1;
  bool turned = false;  ///< Made is the transposed one, whose zeros go by column.
};

/// Adds the step that takes the zero points off. What is made are numbers of 9 bits as int16,
/// [planes, rows, columns] or, turned, [planes, columns, rows]. There is one zero point, or one for
/// each row (turned: column). Errors: Malformed for other types and counts.
Result<plan::BufferId> without_zeros(plan::Builder& builder, const Bytes8& bytes);

/// That input, if the node has it.
inline std::optional<std::size_t> zero_of(const plan::Builder& builder, std::size_t input) {
  return builder.has_input(input) ? std::optional(input) : std::nullopt;
}

/// Adds the step that writes output 0: sums of int64 as int32, where they wrap around if they must.
Result<void> write_sums(plan::Builder& builder, plan::BufferId sums, const Shape& shape);

/// sums[i, j] = the sum over k of left[i, k] * right[j, k], of numbers of 9 bits.
void multiply_rows(const std::int16_t* left, std::size_t left_rows, const std::int16_t* right,
                   std::size_t right_rows, std::size_t count, std::int64_t* sums, Pool& pool);

}  // namespace torchkeep::runtime::kernels
