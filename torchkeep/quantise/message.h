#pragma once

#include <initializer_list>

#include "torchkeep/runtime/graph/wire.h"
#include "torchkeep/runtime/tensor.h"

/// ONNX messages in the making, and changes of those that are there: whatever is not changed stays
/// byte for byte, fields that we do not know too.
/// Source: onnx.proto3 (NodeProto, AttributeProto, TensorProto).
namespace torchkeep::quantise {

/// TensorProto.DataType of what two to a byte hold, which the engine has no type for.
inline constexpr std::int64_t kFourBits = 22;

/// An attribute that is an integer.
struct Number {
  std::string_view name;
  std::int64_t value;
};

using Names = std::vector<std::string>;

SecretBuffer encode_node(std::string_view op, const Names& inputs, const Names& outputs,
                         std::string_view name, std::initializer_list<Number> attributes = {});

/// A TensorProto with its elements as raw data. `type` as TensorProto.DataType numbers it.
SecretBuffer encode_tensor(std::string_view name, std::int64_t type, const runtime::Shape& shape,
                           ByteView elements);
SecretBuffer encode_tensor(std::string_view name, std::span<const float> values,
                           const runtime::Shape& shape);
SecretBuffer encode_tensor(std::string_view name, std::span<const std::int64_t> values);

/// A NodeProto whose input `index` is `name`; those before it that it lacks are left out.
Result<SecretBuffer> with_input(ByteView node, std::size_t index, std::string_view name);
SecretBuffer with_attribute(ByteView node, const Number& attribute);
Result<SecretBuffer> without_attribute(ByteView node, std::string_view name);

}  // namespace torchkeep::quantise
