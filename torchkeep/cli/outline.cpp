#include "torchkeep/cli/outline.h"

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/graph/wire.h"
#include "torchkeep/runtime/pack.h"

namespace torchkeep::cli {
namespace {

using runtime::wire::Field;
using runtime::wire::Reader;

// Far above what exporters write: If within Loop within a function.
constexpr int kMaxDepth = 32;

Result<void> read_graph(ByteView message, int depth, Outline& outline);

// AttributeProto: g = 6, graphs = 11.
Result<void> read_attribute(ByteView message, int depth, Outline& outline) {
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 6 || field->number == 11)
      TRY(read_graph(field->bytes, depth + 1, outline));
  }
  return {};
}

// NodeProto: input = 1, op_type = 4, attribute = 5.
Result<void> read_node(ByteView message, int depth, Outline& outline) {
  std::size_t inputs = 0;
  std::string_view op;
  bool third_input = false;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) third_input |= ++inputs == 3 && !field->bytes.empty();
    if (field->number == 4) op = field->as_text();
    if (field->number == 5) TRY(read_attribute(field->bytes, depth, outline));
  }
  outline.operators.emplace(op);
  outline.has_dropout_in_training |= op == "Dropout" && third_input;
  return {};
}

// FunctionProto: node = 7.
Result<void> read_function(ByteView message, Outline& outline) {
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 7) TRY(read_node(field->bytes, 0, outline));
  }
  return {};
}

// TensorShapeProto.Dimension: dim_param = 2.
Result<std::vector<std::string>> read_shape(ByteView message) {
  std::vector<std::string> names;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number != 1) continue;
    names.emplace_back();
    Reader dimension(field->bytes);
    while (const std::optional<Field> part = TRY(dimension.next())) {
      if (part->number == 2) names.back() = part->as_text();
    }
  }
  return names;
}

// ValueInfoProto: name = 1, type = 2; TypeProto: tensor_type = 1; its shape = 2.
Result<void> read_input(ByteView message, Outline& outline) {
  std::string_view name;
  std::vector<std::string> names;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) name = field->as_text();
    if (field->number != 2) continue;
    Reader type(field->bytes);
    while (const std::optional<Field> kind = TRY(type.next())) {
      if (kind->number != 1) continue;
      Reader tensor(kind->bytes);
      while (const std::optional<Field> part = TRY(tensor.next())) {
        if (part->number == 2) names = TRY(read_shape(part->bytes));
      }
    }
  }
  outline.dimension_names.emplace(name, std::move(names));
  return {};
}

// GraphProto: node = 1, input = 11.
Result<void> read_graph(ByteView message, int depth, Outline& outline) {
  if (depth > kMaxDepth)
    return malformed("graphs stand more than ", kMaxDepth, " deep within each other");
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) TRY(read_node(field->bytes, depth, outline));
    if (field->number == 11 && depth == 0) TRY(read_input(field->bytes, outline));
  }
  return {};
}

}  // namespace

Result<Outline> parse_outline(ByteView message) {
  Outline outline;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 7) TRY(read_graph(field->bytes, 0, outline));
    if (field->number == 25) TRY(read_function(field->bytes, outline));
  }
  return outline;
}

Result<Outline> load_outline(const Path& model) {
  // The graph stands first in a payload, so no parameter is read.
  auto packed = TRY(runtime::PackedOnnx::open(model));
  Bytes start(runtime::kPayloadHeaderBytes);
  TRY(packed.read(start));
  const auto header = TRY(runtime::parse_payload_header(start, packed.payload_bytes()));
  SecretBytes graph(header.graph_bytes);
  TRY(packed.read(graph.expose()));
  return parse_outline(graph.expose()).context(model.string());
}

}  // namespace torchkeep::cli
