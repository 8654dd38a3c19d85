#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"

/// What goes into a model and what comes out: elements in memory that is wiped when it goes.
namespace torchkeep::runtime {

/// Numbered as ONNX numbers them (TensorProto.DataType).
enum class DataType : std::int32_t {
  Float32 = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  Bool = 9,
  Float16 = 10,
  Float64 = 11,
  UInt32 = 12,
  UInt64 = 13,
  Bfloat16 = 16,
  UInt4 = 21,  ///< Of parameters alone: graph/four_bits.h.
  Int4 = 22,
  // Values that are no tensors travel as bytes that hold them: sequence.h. ONNX has no numbers for
  // them.
  Sequence = 1001,
  Optional = 1002,
};

inline bool is_tensor(DataType type) {
  return type != DataType::Sequence && type != DataType::Optional;
}
/// Half floats are stored, and computed with as float32: half.h.
inline bool is_half(DataType type) {
  return type == DataType::Float16 || type == DataType::Bfloat16;
}

/// Two to a byte, the first in its low half.
inline bool has_four_bits(DataType type) {
  return type == DataType::UInt4 || type == DataType::Int4;
}

/// Errors: Malformed for types that this engine does not hold, naming the type.
Result<DataType> data_type_of(std::int64_t onnx_number);
/// Of a parameter, which may have 4 bits too. Errors: as `data_type_of`.
Result<DataType> parameter_type_of(std::int64_t onnx_number);
/// Of two elements, where they have 4 bits.
std::size_t element_bytes(DataType type);
/// As the Open Inference Protocol spells it: "FP32".
std::string_view name_of(DataType type);
/// Errors: InvalidArgument for a name that is unknown or a type that this engine does not hold.
Result<DataType> parse_data_type(std::string_view protocol_name);

using Shape = std::vector<std::int64_t>;

/// Errors: Malformed for a negative dimension; above 2^40, or 2^30 with sides of 0 taken for 1.
Result<std::uint64_t> element_count(const Shape& shape);
Result<std::uint64_t> byte_count(DataType type, const Shape& shape);
/// "[1, 3, 224, 224]"; -1 is written "?".
std::string describe(const Shape& shape);

/// Row-major, little-endian, without gaps. Move-only, since its memory is secret.
struct Tensor {
  DataType dtype = DataType::Float32;
  Shape shape;
  SecretBuffer data;

  Tensor() = default;
  Tensor(DataType type, Shape dimensions, SecretBuffer bytes)
      : dtype(type), shape(std::move(dimensions)), data(std::move(bytes)) {}
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  /// A tensor whose elements are yet to be written.
  static Result<Tensor> uninitialised(DataType type, Shape shape);

  template <typename T>
  std::span<T> elements() {
    return {reinterpret_cast<T*>(data.data()), data.size() / sizeof(T)};
  }
  template <typename T>
  std::span<const T> elements() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

/// An input or output of a model. -1 stands for a dimension that the caller chooses (a batch).
struct Port {
  std::string name;
  DataType dtype = DataType::Float32;
  Shape shape;
};

}  // namespace torchkeep::runtime
