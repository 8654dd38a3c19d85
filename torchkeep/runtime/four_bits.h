#pragma once

#include <optional>
#include <span>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/result.h"
#include "torchkeep/base/secret.h"

/// Integers of 4 bits (ONNX's data types UINT4 and INT4), two to a byte. The engine has no such
/// type: where DequantizeLinear alone reads a parameter of it, the numbers are the same in 8 bits,
/// and a model is packed with those.
/// Source: onnx.proto3, TensorProto.
namespace torchkeep::runtime {

/// Whether a TensorProto is of such a type. Errors: Malformed.
Result<bool> holds_four_bits(ByteView tensor);

/// Of a tensor whose data lie in another file: a TensorProto of its pairs as bytes, which says
/// where. None if they lie in the tensor. Errors: Malformed, naming the tensor.
Result<std::optional<SecretBuffer>> outline_four_bits(ByteView tensor);

/// The tensor as a TensorProto of UINT8 or INT8. `outside`: its pairs, if they lie in another file.
/// Errors: Malformed, naming the tensor, if its bytes do not follow its shape, or lie elsewhere and
/// are not handed in.
Result<SecretBuffer> widen_four_bits(ByteView tensor,
                                     std::optional<ByteView> outside = std::nullopt);

/// Errors: Malformed, naming a value of `names` that something else than the input or zero point of
/// a DequantizeLinear reads, in `graph` or the graphs within it.
Result<void> check_four_bit_readers(ByteView graph, std::span<const std::string_view> names);

}  // namespace torchkeep::runtime
