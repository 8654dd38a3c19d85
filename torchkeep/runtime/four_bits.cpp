#include "torchkeep/runtime/four_bits.h"

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/graph/parse.h"

namespace torchkeep::runtime {
namespace {

using wire::Field;
using wire::WireType;

constexpr std::int64_t kUnsigned = 21, kSigned = 22;  // TensorProto.DataType

/// A TensorProto, as far as its elements go.
struct Pairs {
  std::string_view name;
  Shape shape;
  std::int64_t type = 0;
  std::vector<Field> external;  ///< Where the pairs are, if not here.
  std::optional<ByteView> raw;
  std::vector<Field> typed;  ///< Numbers that hold a byte each.
};

Result<Pairs> parse_pairs(ByteView tensor) {
  Pairs pairs;
  wire::Reader reader(tensor);
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1: TRY(wire::append_ints(*field, pairs.shape, onnx::kMaxRank)); break;
      case 2: pairs.type = field->as_int(); break;
      case 5: pairs.typed.push_back(*field); break;
      case 8: pairs.name = field->as_text(); break;
      case 9:
        TRY(wire::expect(*field, WireType::Bytes, "raw data"));
        pairs.raw = field->bytes;
        break;
      case 13:
      case 14: pairs.external.push_back(*field); break;
      default: break;
    }
  }
  return pairs;
}

/// The bytes of the pairs, which are `wanted`. Errors: Malformed if there are others.
Result<SecretBuffer> bytes_of(const Pairs& pairs, std::size_t wanted) {
  SecretBuffer bytes;
  if (pairs.raw) append(bytes, *pairs.raw);
  for (const Field& field : pairs.typed) {
    std::vector<std::int64_t> numbers;
    TRY(wire::append_ints(field, numbers, wanted));
    for (const std::int64_t number : numbers) bytes.push_back(static_cast<std::uint8_t>(number));
  }
  if (bytes.size() != wanted)
    return malformed("there are ", bytes.size(), " bytes of pairs, its shape asks for ", wanted);
  return bytes;
}

Result<SecretBuffer> widened(const Pairs& pairs) {
  if (!pairs.external.empty() && !pairs.raw)
    return malformed(
        "its integers of 4 bits lie in another file; save the model with its data inside");
  const std::uint64_t count = TRY(element_count(pairs.shape));
  const SecretBuffer bytes = TRY(bytes_of(pairs, count / 2 + count % 2));
  SecretBuffer elements(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int value = bytes[i / 2] >> (i % 2 == 0 ? 0 : 4) & 0xf;  // the first one in the low half
    elements[i] =
        static_cast<std::uint8_t>(pairs.type == kSigned && value > 7 ? value - 16 : value);
  }
  SecretBuffer message;
  for (const std::int64_t size : pairs.shape) wire::append_int(message, 1, size);
  const DataType type = pairs.type == kSigned ? DataType::Int8 : DataType::UInt8;
  wire::append_int(message, 2, static_cast<std::int64_t>(type));
  wire::append_field(message, 8, as_bytes(pairs.name));
  wire::append_field(message, 9, elements);
  return message;
}

struct Reading {
  std::string_view op, name;
  std::vector<std::string_view> inputs;
  std::vector<ByteView> graphs;
};

Result<Reading> parse_reading(ByteView node) {
  Reading reading;
  wire::Reader reader(node);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) reading.inputs.push_back(field->as_text());
    if (field->number == 3) reading.name = field->as_text();
    if (field->number == 4) reading.op = field->as_text();
    if (field->number != 5) continue;
    wire::Reader attribute(field->bytes);
    while (const std::optional<Field> part = TRY(attribute.next())) {
      if (part->number == 6 && part->type == WireType::Bytes) reading.graphs.push_back(part->bytes);
    }
  }
  return reading;
}

Result<void> check_readers(ByteView graph, std::span<const std::string_view> names,
                           std::size_t depth) {
  if (depth > onnx::kMaxDepth) return malformed("graphs within graphs are too deep");
  const auto is_one = [&](std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  wire::Reader reader(graph);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 12 && is_one(TRY(onnx::parse_port_name(field->bytes))))
      return malformed("integers of 4 bits are an output, which is not supported");
    if (field->number != 1) continue;
    const Reading node = TRY(parse_reading(field->bytes));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool dequantizes = node.op == "DequantizeLinear" && (i == 0 || i == 2);
      if (is_one(node.inputs[i]) && !dequantizes)
        return malformed("operator ", node.op, " (node ", node.name, ") reads \"", node.inputs[i],
                         "\", whose integers of 4 bits DequantizeLinear alone may read");
    }
    for (const ByteView inner : node.graphs) TRY(check_readers(inner, names, depth + 1));
  }
  return {};
}

}  // namespace

Result<bool> holds_four_bits(ByteView tensor) {
  const std::int64_t type = TRY(parse_pairs(tensor)).type;
  return type == kUnsigned || type == kSigned;
}

Result<std::optional<SecretBuffer>> outline_four_bits(ByteView tensor) {
  const Pairs pairs = TRY(parse_pairs(tensor));
  if (pairs.external.empty()) return std::optional<SecretBuffer>();
  const std::uint64_t count =
      TRY(element_count(pairs.shape).context(text("tensor \"", pairs.name, "\"")));
  SecretBuffer outline;
  wire::append_int(outline, 1, static_cast<std::int64_t>(count / 2 + count % 2));
  wire::append_int(outline, 2, static_cast<std::int64_t>(DataType::UInt8));
  wire::append_field(outline, 8, as_bytes(pairs.name));
  for (const Field& field : pairs.external) append(outline, field.whole);
  return std::optional(std::move(outline));
}

Result<SecretBuffer> widen_four_bits(ByteView tensor, std::optional<ByteView> outside) {
  Pairs pairs = TRY(parse_pairs(tensor));
  if (outside) {
    pairs.raw = outside;
    pairs.typed.clear();
  }
  return widened(pairs).context(text("tensor \"", pairs.name, "\""));
}

Result<void> check_four_bit_readers(ByteView graph, std::span<const std::string_view> names) {
  if (names.empty()) return {};
  return check_readers(graph, names, 0);
}

}  // namespace torchkeep::runtime
