#include "torchkeep/runtime/graph/onnx_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace torchkeep::runtime::onnx {
namespace {

using wire::Field;
using wire::WireType;

constexpr std::size_t kMaxRank = 8;

Result<std::uint64_t> parse_decimal(std::string_view digits, std::string_view what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return malformed("external data: ", what, " is no number");
  }
  return value;
}

// StringStringEntryProto: key = 1, value = 2.
Result<void> parse_external_entry(ByteView message, External& out) {
  std::string_view key, value;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) key = field->as_text();
    if (field->number == 2) value = field->as_text();
  }
  if (key == "location") out.location = value;
  if (key == "offset") out.offset = TRY(parse_decimal(value, "offset"));
  if (key == "length") out.length = TRY(parse_decimal(value, "length"));
  return {};  // "checksum" and what others may write say nothing about where the bytes are.
}

template <typename T, typename From>
void store_as(MutableByteView out, std::size_t index, From value) {
  const T element = static_cast<T>(value);
  std::memcpy(out.data() + index * sizeof(T), &element, sizeof(T));
}

Result<TensorProto> parse(ByteView message, Result<DataType> (*type_of)(std::int64_t)) {
  TensorProto tensor;
  std::int64_t type_number = 0;
  bool is_external = false;
  External external;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1: TRY(wire::append_ints(*field, tensor.shape, kMaxRank).context("dimensions")); break;
      case 2: type_number = field->as_int(); break;
      case 3: return malformed("tensors in segments are not supported");
      case 4:
      case 5:
      case 7:
      case 10:
      case 11: tensor.typed.push_back(field->whole); break;
      case 6: return malformed("tensors of strings are not supported");
      case 8: tensor.name = field->as_text(); break;
      case 9:
        TRY(wire::expect(*field, WireType::Bytes, "raw data"));
        tensor.raw = field->bytes;
        break;
      case 13: TRY(parse_external_entry(field->bytes, external)); break;
      case 14: is_external = field->value == 1; break;
      default: break;
    }
  }
  const std::string who = text("tensor \"", tensor.name, "\"");
  tensor.dtype = TRY(type_of(type_number).context(who));
  tensor.byte_count = TRY(byte_count(tensor.dtype, tensor.shape).context(who));
  if (is_external) {
    if (tensor.raw || !tensor.typed.empty()) return malformed(who, " has its data twice");
    if (external.length && *external.length != tensor.byte_count) {
      return malformed(who, " has ", *external.length,
                       " bytes of external data, its shape asks for ", tensor.byte_count);
    }
    tensor.external = std::move(external);
  } else if (tensor.raw && (tensor.raw->size() != tensor.byte_count || !tensor.typed.empty())) {
    return malformed(who, " has ", tensor.raw->size(), " bytes of raw data, its shape asks for ",
                     tensor.byte_count);
  }
  return tensor;
}

}  // namespace

Result<TensorProto> parse_tensor(ByteView message) { return parse(message, data_type_of); }
Result<TensorProto> parse_initializer(ByteView message) {
  return parse(message, parameter_type_of);
}

Result<void> copy_elements(const TensorProto& tensor, MutableByteView out) {
  TORCHKEEP_CHECK(out.size() == tensor.byte_count && !tensor.external);
  if (tensor.raw) {
    std::ranges::copy(*tensor.raw, out.begin());
    return {};
  }
  const std::size_t size = element_bytes(tensor.dtype);
  const std::size_t count = out.size() / size;
  std::size_t done = 0;
  for (const ByteView whole : tensor.typed) {
    wire::Reader reader(whole);
    const std::optional<Field> field = TRY(reader.next());
    if (field->number == 4 && tensor.dtype == DataType::Float32) {
      std::vector<float> values;
      TRY(wire::append_floats(*field, values, count - done));
      for (const float value : values) store_as<float>(out, done++, value);
    } else if (field->number == 10 && tensor.dtype == DataType::Float64 &&
               field->type == WireType::Bytes) {
      if (field->bytes.size() > (count - done) * size) return malformed("too many doubles");
      std::ranges::copy(field->bytes, out.begin() + static_cast<std::ptrdiff_t>(done * size));
      done += field->bytes.size() / size;
    } else if ((field->number == 7 && tensor.dtype == DataType::Int64) || field->number == 5 ||
               field->number == 11) {
      std::vector<std::int64_t> values;
      TRY(wire::append_ints(*field, values, count - done));
      for (const std::int64_t value : values) {
        switch (tensor.dtype) {
          case DataType::UInt64:
          case DataType::Int64: store_as<std::int64_t>(out, done++, value); break;
          case DataType::Float16:
          case DataType::Bfloat16:  // as their bits
          case DataType::UInt16:
          case DataType::Int16: store_as<std::int16_t>(out, done++, value); break;
          case DataType::UInt32:
          case DataType::Int32: store_as<std::int32_t>(out, done++, value); break;
          case DataType::Int4:
          case DataType::UInt4:  // two to a number
          case DataType::Int8:
          case DataType::UInt8: store_as<std::uint8_t>(out, done++, value); break;
          case DataType::Bool: store_as<std::uint8_t>(out, done++, value != 0); break;
          default:
            return malformed("tensor \"", tensor.name, "\" holds integers, its type does not");
        }
      }
    } else {
      return malformed("tensor \"", tensor.name, "\" has its data in field ", field->number,
                       ", which does not go with its type");
    }
  }
  if (done != count) {
    return malformed("tensor \"", tensor.name, "\" has ", done, " elements, its shape asks for ",
                     count);
  }
  return {};
}

}  // namespace torchkeep::runtime::onnx
