#include "torchkeep/quantise/source.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/tensor_reader.h"

namespace torchkeep::quantise {
namespace {

using runtime::wire::Field;
using runtime::wire::Reader;
using runtime::wire::WireType;
namespace onnx = runtime::onnx;

// ModelProto: ir_version = 1, graph = 7, functions = 25. GraphProto: node = 1.
constexpr std::uint32_t kIrVersion = 1, kGraph = 7, kNode = 1;

Result<std::vector<Field>> fields_of(ByteView message) {
  std::vector<Field> fields;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) fields.push_back(*field);
  return fields;
}

constexpr std::array<std::string_view, 11> kQuantised{
    "QuantizeLinear", "DequantizeLinear",    "DynamicQuantizeLinear",
    "MatMulInteger",  "ConvInteger",         "QLinearMatMul",
    "QLinearConv",    "MatMulNBits",         "QLinearAdd",
    "QGemm",          "MatMulIntegerToFloat"};

/// Before tensors are looked at: those of 4 bits would be refused as a type that is unknown.
Result<void> check_is_not_quantised(ByteView node) {
  Reader reader(node);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 4 && std::ranges::find(kQuantised, field->as_text()) != kQuantised.end())
      return invalid_argument("the model is quantised already: it has an operator ",
                              field->as_text(), "; quantise the one that it was made from");
  }
  return {};
}

}  // namespace

Result<Source> Source::open(const Path& path) {
  Source source(path, TRY(MappedFile::open(path)));
  TRY(source.take_apart().context(path.native()));
  return source;
}

std::uint64_t Source::bytes() const {
  std::uint64_t bytes = file_.bytes().size();
  for (const auto& [location, file] : external_) bytes += file.bytes().size();
  return bytes;
}

Result<void> Source::take_apart() {
  model_fields_ = TRY(fields_of(file_.bytes()));
  if (std::ranges::count(model_fields_, kGraph, &Field::number) != 1)
    return malformed("wanted is one graph");
  for (const Field& field : model_fields_) {
    if (field.number == kIrVersion) ir_version_ = field.as_int();
    if (field.number == kGraph) graph_fields_ = TRY(fields_of(field.bytes));
  }
  for (const Field& field : graph_fields_) {
    if (field.number != kNode) continue;
    TRY(check_is_not_quantised(field.bytes));
    node_messages_.push_back(field.bytes);
  }
  graph_ = TRY(onnx::parse_model(file_.bytes()));
  opset_ = graph_.opset;
  for (const TensorProto& tensor : graph_.initializers) {
    if (!known_.emplace(tensor.name, &tensor).second)
      return malformed("tensor \"", tensor.name, "\" is there twice");
    names_.insert(tensor.name);
  }
  for (const ByteView info : graph_.inputs) inputs_.insert(TRY(onnx::parse_port_name(info)));
  for (const ByteView info : graph_.outputs) elsewhere_.insert(TRY(onnx::parse_port_name(info)));
  names_.insert(inputs_.begin(), inputs_.end());
  TRY(note_nodes());
  return map_external();
}

Result<void> Source::note_nodes() {
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeProto& node = graph_.nodes[i];
    names_.insert(node.name);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) readers_[node.inputs[k]].push_back({i, k});
    for (const std::string_view output : node.outputs) {
      names_.insert(output);
      if (!output.empty() && !makers_.emplace(output, i).second)
        return malformed("value \"", output, "\" is made twice");
    }
    if (is_standard(node, "Constant") && node.outputs.size() == 1) {
      const runtime::graph::Attribute* const value = find_attribute(node, "value");
      if (value != nullptr && value->tensor) known_.emplace(node.outputs[0], &*value->tensor);
    }
    for (const runtime::graph::Attribute& attribute : node.attributes)
      TRY(note_body(attribute.graph, 0).context(describe(i)));
  }
  return {};
}

/// Names of a graph within a graph may be those of values around it: none of them is touched.
Result<void> Source::note_body(ByteView graph, std::size_t depth) {
  if (graph.empty()) return {};
  if (depth == onnx::kMaxDepth) return malformed("graphs within graphs are too deep");
  const onnx::ModelProto body = TRY(onnx::parse_body(graph));
  for (const ByteView info : body.outputs) elsewhere_.insert(TRY(onnx::parse_port_name(info)));
  for (const TensorProto& tensor : body.initializers) {
    if (tensor.external) return malformed("tensor \"", tensor.name, "\" lies outside the graph");
  }
  for (const NodeProto& node : body.nodes) {
    ++inner_operators_[std::string(node.op)];
    elsewhere_.insert(node.inputs.begin(), node.inputs.end());
    names_.insert(node.outputs.begin(), node.outputs.end());
    for (const runtime::graph::Attribute& attribute : node.attributes)
      TRY(note_body(attribute.graph, depth + 1));
  }
  return {};
}

Result<void> Source::map_external() {
  for (const TensorProto& tensor : graph_.initializers) {
    if (!tensor.external) continue;
    const std::string who = text("tensor \"", tensor.name, "\"");
    const std::string& location = tensor.external->location;
    auto known = external_.find(location);
    if (known == external_.end()) {
      const Path where = TRY(runtime::external_path(path_, location).context(who));
      known = external_.emplace(location, TRY(MappedFile::open(where).context(who))).first;
    }
    const std::uint64_t size = known->second.bytes().size();
    if (tensor.external->offset > size || tensor.byte_count > size - tensor.external->offset)
      return malformed(who, " of ", tensor.byte_count, " bytes at ", tensor.external->offset,
                       " ends after ", location, ", which has ", size);
  }
  return {};
}

std::optional<std::size_t> Source::maker(std::string_view value) const {
  const auto found = makers_.find(value);
  return found == makers_.end() ? std::nullopt : std::optional(found->second);
}

const std::vector<Reading>& Source::readers(std::string_view value) const {
  static const std::vector<Reading> kNone;
  const auto found = readers_.find(value);
  return found == readers_.end() ? kNone : found->second;
}

std::string_view Source::origin(std::string_view value) const {
  // A hostile graph may go round in circles; each step is another node.
  for (std::size_t steps = 0; steps < nodes().size(); ++steps) {
    const std::optional<std::size_t> made = maker(value);
    if (!made || !is_standard(nodes()[*made], "Identity") || nodes()[*made].inputs.size() != 1)
      break;
    value = nodes()[*made].inputs[0];
  }
  return value;
}

const TensorProto* Source::find_known(std::string_view value) const {
  const auto found = known_.find(origin(value));
  return found == known_.end() ? nullptr : found->second;
}

Result<std::optional<ByteView>> Source::find_raw(const TensorProto& tensor) const {
  if (!tensor.external) return tensor.raw;
  const auto file = external_.find(tensor.external->location);
  if (file == external_.end()) return malformed("the value of a constant lies outside the graph");
  return std::optional(file->second.bytes().subspan(tensor.external->offset, tensor.byte_count));
}

Result<SecretBuffer> Source::load_floats(const TensorProto& tensor) const {
  const std::string who = text("tensor \"", tensor.name, "\"");
  if (tensor.dtype != runtime::DataType::Float32)
    return malformed(who, " is ", runtime::name_of(tensor.dtype), ", wanted is FP32");
  if (const std::optional<ByteView> raw = TRY(find_raw(tensor).context(who)))
    return to_secret_buffer(*raw);
  // Each element takes bytes of the file, so a claimed shape allocates nothing.
  std::uint64_t present = 0;
  for (const ByteView field : tensor.typed) present += field.size();
  if (tensor.byte_count > present) return malformed(who, " has fewer elements than its shape says");
  SecretBuffer floats(tensor.byte_count);
  TRY(onnx::copy_elements(tensor, floats).context(who));
  return floats;
}

std::string Source::name_of(std::size_t node) const {
  const NodeProto& found = nodes()[node];
  if (!found.name.empty()) return std::string(found.name);
  return std::string(found.outputs.empty() ? std::string_view("without a name") : found.outputs[0]);
}

std::string Source::describe(std::size_t node) const {
  return text("operator ", nodes()[node].op, " (node ", name_of(node), ")");
}

const runtime::graph::Attribute* find_attribute(const NodeProto& node, std::string_view name) {
  const auto found = std::ranges::find(node.attributes, name, &runtime::graph::Attribute::name);
  return found == node.attributes.end() ? nullptr : &*found;
}

std::int64_t int_of(const NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const runtime::graph::Attribute* const found = find_attribute(node, name);
  return found == nullptr ? otherwise : found->i;
}

}  // namespace torchkeep::quantise
