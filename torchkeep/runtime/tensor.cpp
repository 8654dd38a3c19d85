#include "torchkeep/runtime/tensor.h"

#include <array>

namespace torchkeep::runtime {
namespace {

struct TypeRow {
  DataType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kTypes{
    TypeRow{DataType::Float32, "FP32", 4},      TypeRow{DataType::UInt8, "UINT8", 1},
    TypeRow{DataType::Int8, "INT8", 1},         TypeRow{DataType::Int32, "INT32", 4},
    TypeRow{DataType::Int64, "INT64", 8},       TypeRow{DataType::Bool, "BOOL", 1},
    TypeRow{DataType::Float64, "FP64", 8},      TypeRow{DataType::UInt16, "UINT16", 2},
    TypeRow{DataType::Int16, "INT16", 2},       TypeRow{DataType::UInt32, "UINT32", 4},
    TypeRow{DataType::UInt64, "UINT64", 8},     TypeRow{DataType::Float16, "FP16", 2},
    TypeRow{DataType::Bfloat16, "BF16", 2},     TypeRow{DataType::UInt4, "UINT4", 1},
    TypeRow{DataType::Int4, "INT4", 1},         TypeRow{DataType::Sequence, "SEQUENCE", 1},
    TypeRow{DataType::Optional, "OPTIONAL", 1},
};

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;
// Beside a side of 0, what the others multiply to: such a tensor costs whoever sends it nothing,
// and whoever walks along those sides time.
constexpr std::uint64_t kMaxBesideNone = std::uint64_t{1} << 30;

const TypeRow& row_of(DataType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  TORCHKEEP_CHECK(!"a data type without a row");
  return kTypes[0];
}

bool is_anywhere(DataType type) { return is_tensor(type) && !has_four_bits(type); }

}  // namespace

Result<DataType> data_type_of(std::int64_t onnx_number) {
  for (const TypeRow& row : kTypes) {
    if (static_cast<std::int64_t>(row.type) == onnx_number && is_anywhere(row.type))
      return row.type;
  }
  return malformed(
      "ONNX data type ", onnx_number,
      " is not one of the floats of 16 to 64 bits, the integers of 8 to 64 bits and bool");
}

Result<DataType> parameter_type_of(std::int64_t onnx_number) {
  for (const DataType type : {DataType::UInt4, DataType::Int4}) {
    if (static_cast<std::int64_t>(type) == onnx_number) return type;
  }
  return data_type_of(onnx_number);
}

std::size_t element_bytes(DataType type) { return row_of(type).bytes; }
std::string_view name_of(DataType type) { return row_of(type).name; }

Result<DataType> parse_data_type(std::string_view protocol_name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == protocol_name && is_anywhere(row.type)) return row.type;
  }
  return invalid_argument("data type \"", protocol_name, "\" is not known to the runtime");
}

Result<std::uint64_t> element_count(const Shape& shape) {
  std::uint64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return malformed("shape ", describe(shape), " has a negative dimension");
    if (size == 0) empty = true;
    // Zero dimensions are counted as one here, so that none hides an absurd neighbour.
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size == 0 ? 1 : size), &count) ||
        count > kMaxElements) {
      return malformed("shape ", describe(shape), " has more than 2^40 elements");
    }
  }
  if (!empty) return count;
  if (count > kMaxBesideNone) {
    return malformed("shape ", describe(shape),
                     " has no elements and more than 2^30 beside, "
                     "counted as if its sides of 0 were 1");
  }
  return 0;
}

Result<std::uint64_t> byte_count(DataType type, const Shape& shape) {
  const std::uint64_t count = TRY(element_count(shape));
  return has_four_bits(type) ? count / 2 + count % 2 : count * element_bytes(type);
}

std::string describe(const Shape& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += shape[i] == -1 ? std::string("?") : text(shape[i]);
  }
  return out + "]";
}

Result<Tensor> Tensor::uninitialised(DataType type, Shape shape) {
  const std::uint64_t bytes = TRY(byte_count(type, shape));
  return Tensor(type, std::move(shape), SecretBuffer(bytes));
}

}  // namespace torchkeep::runtime
