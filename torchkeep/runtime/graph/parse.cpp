#include "torchkeep/runtime/graph/parse.h"

namespace torchkeep::runtime::onnx {
namespace {

using graph::Attribute;
using graph::AttributeType;
using wire::Field;
using wire::WireType;

Result<ByteView> as_message(const Field& field, std::string_view what) {
  TRY(wire::expect(field, WireType::Bytes, what));
  return field.bytes;
}

Result<std::string_view> as_name(const Field& field, std::string_view what) {
  TRY(wire::expect(field, WireType::Bytes, what));
  return field.as_text();
}

/// An attribute, or what it refers to.
struct Given {
  Attribute attribute;
  std::string_view of;
};

Result<Given> parse_attribute(ByteView message) {
  Given given;
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

Result<void> parse_node_field(const Field& field, NodeProto& node) {
  switch (field.number) {
    case 1:
    case 2: {
      auto& names = field.number == 1 ? node.inputs : node.outputs;
      names.push_back(TRY(as_name(field, "name of a value")));
      if (names.size() > kMaxNodeValues) return malformed("more than ", kMaxNodeValues, " values");
      break;
    }
    case 5: {
      const ByteView message = TRY(as_message(field, "attribute"));
      Given given = TRY(parse_attribute(message).context("attribute"));
      if (given.of.empty())
        node.attributes.push_back(std::move(given.attribute));
      else
        node.references.push_back({given.attribute.name, given.of, given.attribute.type});
      if (node.attributes.size() + node.references.size() > kMaxAttributes) {
        return malformed("more than ", kMaxAttributes, " attributes");
      }
      break;
    }
    default: break;
  }
  return {};
}

Result<NodeProto> parse_node(ByteView message) {
  NodeProto node;
  wire::Reader names(
      message);  // first, so that whatever else is wrong can be said of a node with a name
  while (const std::optional<Field> field = TRY(names.next())) {
    if (field->number == 3) node.name = TRY(as_name(*field, "node name"));
    if (field->number == 4) node.op = TRY(as_name(*field, "operator name"));
    if (field->number == 7) node.domain = TRY(as_name(*field, "operator domain"));
    if (field->number == 8) node.overload = TRY(as_name(*field, "operator overload"));
  }
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    TRY(parse_node_field(*field, node)
            .context(text("operator ", node.op, " (node ", node.name, ")")));
  }
  if (node.domain == "ai.onnx") node.domain = "";
  return node;
}

Result<void> parse_graph(ByteView message, ModelProto& model) {
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1:
        if (model.nodes.size() == kMaxNodes) return malformed("more than ", kMaxNodes, " nodes");
        model.nodes.push_back(TRY(parse_node(TRY(as_message(*field, "node")))));
        break;
      case 5:
        model.initializers.push_back(TRY(parse_tensor(TRY(as_message(*field, "initializer")))));
        break;
      case 11: model.inputs.push_back(TRY(as_message(*field, "input"))); break;
      case 12: model.outputs.push_back(TRY(as_message(*field, "output"))); break;
      case 15: return malformed("sparse initializers are not supported");
      default: break;
    }
    if (model.initializers.size() + model.inputs.size() + model.outputs.size() > kMaxValues) {
      return malformed("more than ", kMaxValues, " initializers, inputs and outputs");
    }
  }
  return {};
}

Result<void> parse_opset(ByteView message, std::int64_t& opset) {
  std::string_view domain;
  std::int64_t version = 0;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) domain = TRY(as_name(*field, "domain of an operator set"));
    if (field->number == 2) version = field->as_int();
  }
  if (domain.empty() || domain == "ai.onnx") opset = version;
  return {};
}

Result<void> parse_function_field(const Field& field, FunctionProto& function) {
  switch (field.number) {
    case 4: function.inputs.push_back(TRY(as_name(field, "input of a function"))); break;
    case 5: function.outputs.push_back(TRY(as_name(field, "output of a function"))); break;
    case 6: function.attributes.push_back(TRY(as_name(field, "attribute of a function"))); break;
    case 7:
      if (function.nodes.size() == kMaxNodes) return malformed("more than ", kMaxNodes, " nodes");
      function.nodes.push_back(TRY(parse_node(TRY(as_message(field, "node")))));
      break;
    case 9: TRY(parse_opset(TRY(as_message(field, "operator set")), function.opset)); break;
    case 11: {
      Given given = TRY(parse_attribute(TRY(as_message(field, "default of an attribute"))));
      if (!given.of.empty()) return malformed("a default refers to another attribute");
      function.defaults.push_back(std::move(given.attribute));
      break;
    }
    default: break;
  }
  const bool fits = function.inputs.size() <= kMaxNodeValues &&
                    function.outputs.size() <= kMaxNodeValues &&
                    function.attributes.size() + function.defaults.size() <= kMaxAttributes;
  if (!fits) {
    return malformed("more than ", kMaxNodeValues, " inputs or outputs, or than ", kMaxAttributes,
                     " attributes");
  }
  return {};
}

Result<FunctionProto> parse_function(ByteView message) {
  FunctionProto function;
  wire::Reader names(message);
  while (const std::optional<Field> field = TRY(names.next())) {
    if (field->number == 1) function.name = TRY(as_name(*field, "name of a function"));
    if (field->number == 10) function.domain = TRY(as_name(*field, "domain of a function"));
    if (field->number == 13) function.overload = TRY(as_name(*field, "overload of a function"));
  }
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next()))
    TRY(parse_function_field(*field, function).context(text("function ", function.name)));
  // Which of the two a node means would be anybody's guess.
  if (function.domain.empty() || function.domain == "ai.onnx")
    return malformed("function ", function.name, " is in the standard's own domain");
  return function;
}

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

Result<ModelProto> parse_model(ByteView message) {
  ModelProto model;
  std::optional<ByteView> graph;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next().context("no ONNX model"))) {
    switch (field->number) {
      case 7: graph = TRY(as_message(*field, "graph")); break;
      case 8: TRY(parse_opset(TRY(as_message(*field, "operator set")), model.opset)); break;
      case 25:
        if (model.functions.size() == kMaxFunctions)
          return malformed("more than ", kMaxFunctions, " functions");
        model.functions.push_back(TRY(parse_function(TRY(as_message(*field, "function")))));
        break;
      default: break;
    }
  }
  if (!graph) return malformed("no ONNX model: it has no graph");
  TRY(parse_graph(*graph, model));
  return model;
}

Result<ModelProto> parse_body(ByteView message) {
  ModelProto body;
  TRY(parse_graph(message, body));
  return body;
}

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
