#include "torchkeep/runtime/graph/fields.h"
#include "torchkeep/runtime/graph/parse.h"

namespace torchkeep::runtime::onnx {
namespace {

using wire::Field;
using wire::WireType;

Result<Shape> parse_shape(ByteView message) {
  Shape shape;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number != 1) continue;
    std::int64_t size = -1;  // a name, or nothing: the caller chooses
    wire::Reader dimension(TRY(as_message(*field, "dimension")));
    while (const std::optional<Field> part = TRY(dimension.next())) {
      if (part->number != 1) continue;
      TRY(wire::expect(*part, WireType::Varint, "dimension"));
      size = part->as_int();
      if (size < 0) return malformed("a dimension is ", size);
    }
    shape.push_back(size);
    if (shape.size() > kMaxRank) return malformed("more than ", kMaxRank, " dimensions");
  }
  return shape;
}

Result<void> parse_tensor_type(ByteView message, Port& port) {
  std::int64_t type = 0;
  std::optional<Shape> shape;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) type = field->as_int();
    if (field->number == 2) shape = TRY(parse_shape(TRY(as_message(*field, "shape"))));
  }
  port.dtype = TRY(data_type_of(type));
  if (!shape) return malformed("has no shape, not even a rank");
  port.shape = *std::move(shape);
  return {};
}

}  // namespace

Result<std::string_view> parse_port_name(ByteView value_info) {
  std::string_view name;
  wire::Reader reader(value_info);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) name = TRY(as_name(*field, "name of an input or output"));
  }
  return name;
}

Result<Port> parse_port(ByteView value_info) {
  Port port;
  port.name = TRY(parse_port_name(value_info));
  const std::string who = text("value \"", port.name, "\"");
  bool is_known = false;
  wire::Reader reader(value_info);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number != 2) continue;
    wire::Reader type(TRY(as_message(*field, "type")));
    while (const std::optional<Field> kind = TRY(type.next())) {
      // TypeProto: tensor_type = 1, sequence_type = 4, optional_type = 9.
      if (kind->number == 4 || kind->number == 9) {
        port.dtype = kind->number == 4 ? DataType::Sequence : DataType::Optional;
        port.shape = {-1};
        is_known = true;
      }
      if (kind->number != 1) continue;
      is_known = true;
      TRY(parse_tensor_type(TRY(as_message(*kind, "tensor type")), port).context(who));
    }
  }
  if (!is_known) return malformed(who, " is no tensor, sequence or optional of them");
  return port;
}

}  // namespace torchkeep::runtime::onnx
