#pragma once

#include <string_view>
#include <vector>

#include "torchkeep/runtime/graph/wire.h"
#include "torchkeep/runtime/tensor.h"

/// ONNX's TensorProto: where an initializer's or attribute's elements are.
/// Source: onnx.proto3, TensorProto.
namespace torchkeep::runtime::onnx {

struct External {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  ///< Absent: to the file's end.
};

struct TensorProto {
  std::string_view name;
  DataType dtype = DataType::Float32;
  Shape shape;
  std::uint64_t byte_count = 0;      ///< As type and shape say.
  std::optional<External> external;  ///< Elements are in another file, or in a payload's data.
  std::optional<ByteView> raw;       ///< Elements are these bytes of the message.
  std::vector<ByteView> typed;       ///< Otherwise: whole fields that hold them one by one.
};

/// Errors: Malformed, naming the tensor; also for strings and segments.
Result<TensorProto> parse_tensor(ByteView message);
/// The same of an initializer, which may be of integers of 4 bits. Errors: as `parse_tensor`.
Result<TensorProto> parse_initializer(ByteView message);

/// Copies the elements of a tensor that is not external to `out`, of `byte_count` bytes.
/// Errors: Malformed if there are fewer or more.
Result<void> copy_elements(const TensorProto& tensor, MutableByteView out);

}  // namespace torchkeep::runtime::onnx
