#include "torchkeep/runtime/graph/parse_attribute.h"

#include "torchkeep/runtime/graph/fields.h"
#include "torchkeep/runtime/graph/parse.h"

namespace torchkeep::runtime::onnx {

using graph::Attribute;
using graph::AttributeType;
using wire::Field;
using wire::WireType;

Result<GivenAttribute> parse_attribute(ByteView message) {
  GivenAttribute given;
  Attribute& attribute = given.attribute;
  wire::Reader reader(message);
  std::int64_t type = 0;
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1: attribute.name = TRY(as_name(*field, "attribute name")); break;
      case 2:
        TRY(wire::expect(*field, WireType::Fixed32, "attribute f"));
        attribute.f = field->as_float();
        break;
      case 3:
        TRY(wire::expect(*field, WireType::Varint, "attribute i"));
        attribute.i = field->as_int();
        break;
      case 4: attribute.s = TRY(as_name(*field, "attribute s")); break;
      case 5: attribute.tensor = TRY(parse_tensor(TRY(as_message(*field, "attribute t")))); break;
      case 6: attribute.graph = TRY(as_message(*field, "attribute g")); break;
      case 7: TRY(wire::append_floats(*field, attribute.floats, kMaxAttributeValues)); break;
      case 8: TRY(wire::append_ints(*field, attribute.ints, kMaxAttributeValues)); break;
      case 9:
        attribute.strings.push_back(TRY(as_name(*field, "attribute strings")));
        if (attribute.strings.size() > kMaxNodeValues)
          return malformed("attribute ", attribute.name, " holds more than ", kMaxNodeValues,
                           " strings");
        break;
      case 20:
        TRY(wire::expect(*field, WireType::Varint, "attribute type"));
        type = field->as_int();
        break;
      case 21: given.of = TRY(as_name(*field, "name of a function's attribute")); break;
      default: break;
    }
  }
  // Since IR version 2 the type is written; a value of another type than stated would be ignored.
  const bool known = (type >= 1 && type <= 8);
  attribute.type = known ? static_cast<AttributeType>(type) : AttributeType::Other;
  if (attribute.type == AttributeType::Tensor && !attribute.tensor && given.of.empty()) {
    return malformed("attribute \"", attribute.name, "\" has no tensor");
  }
  return given;
}

}  // namespace torchkeep::runtime::onnx
