#pragma once

#include "torchkeep/runtime/graph/graph.h"

/// Integers of 4 bits (ONNX's data types UINT4 and INT4), two to a byte. Parameters alone are of
/// such a type, and DequantizeLinear alone may read them: as they are where a kernel knows how, and
/// in 8 bits elsewhere. Source: onnx.proto3, TensorProto.
namespace torchkeep::runtime::graph {

/// Errors: Malformed, naming a constant of 4 bits that something else than the input or zero point
/// of a DequantizeLinear reads, in the graph or the graphs within it.
Result<void> check_four_bits(const Graph& graph);

/// Calls `use` with a function from the place of an integer of 8 or 4 bits in `constant` to the
/// integer. False, without a call, for another type.
template <typename F>
bool with_integers(const Constant& constant, F use) {
  const std::uint8_t* const bytes = constant.bytes().data();
  const auto half = [bytes](std::size_t i) { return bytes[i / 2] >> (i % 2 * 4) & 15; };
  switch (constant.dtype()) {
    case DataType::Int8:
      use([bytes](std::size_t i) { return int{static_cast<std::int8_t>(bytes[i])}; });
      return true;
    case DataType::UInt8: use([bytes](std::size_t i) { return int{bytes[i]}; }); return true;
    case DataType::Int4: use([half](std::size_t i) { return (half(i) ^ 8) - 8; }); return true;
    case DataType::UInt4: use(half); return true;
    default: return false;
  }
}

/// A constant of 4 bits in 8. Errors: Unavailable if memory is short.
Result<std::shared_ptr<Constant>> widened(const Constant& constant);

}  // namespace torchkeep::runtime::graph
