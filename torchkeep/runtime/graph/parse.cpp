#include "torchkeep/runtime/graph/parse.h"

#include "torchkeep/runtime/graph/fields.h"
#include "torchkeep/runtime/graph/parse_attribute.h"

namespace torchkeep::runtime::onnx {
namespace {

using wire::Field;
using wire::WireType;

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
      GivenAttribute given = TRY(parse_attribute(message).context("attribute"));
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
        model.initializers.push_back(
            TRY(parse_initializer(TRY(as_message(*field, "initializer")))));
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
      GivenAttribute given =
          TRY(parse_attribute(TRY(as_message(field, "default of an attribute"))));
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

}  // namespace torchkeep::runtime::onnx
