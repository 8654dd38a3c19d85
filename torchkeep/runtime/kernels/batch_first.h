#pragma once

#include "torchkeep/runtime/kernels/strided.h"

/// Sequences whose batch comes first, as layout 1 of LSTM, GRU and RNN has them: they are turned on
/// the way in and out, so that cells know one order alone.
namespace torchkeep::runtime::kernels {

/// A float32 input [a, b, ...] as [b, a, ...].
inline Result<plan::BufferId> read_turned(plan::Builder& builder, std::size_t input) {
  Shape shape = builder.input(input).shape;
  std::vector<std::int64_t> strides = row_major_strides(shape);
  std::swap(shape[0], shape[1]);
  std::swap(strides[0], strides[1]);
  const plan::BufferId from = TRY(builder.read(input));
  const plan::BufferId to = TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape))));
  builder.step({from, to}, strided_action(DataType::Float32, {shape, strides, 0}));
  return to;
}

/// Writes float32 `from`, row-major of `shape`, to output `index` with its dimensions in `order`.
inline Result<void> write_ordered(plan::Builder& builder, std::size_t index, plan::BufferId from,
                                  const Shape& shape, const std::vector<std::size_t>& order) {
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  StridedCopy copy;
  for (const std::size_t dimension : order) {
    copy.shape.push_back(shape[dimension]);
    copy.strides.push_back(strides[dimension]);
  }
  const plan::BufferId to = TRY(builder.write(index, DataType::Float32, copy.shape));
  builder.step({from, to}, strided_action(DataType::Float32, copy));
  return {};
}

}  // namespace torchkeep::runtime::kernels
