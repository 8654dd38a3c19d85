#include "torchkeep/runtime/graph/check.h"

#include <algorithm>

#include "torchkeep/runtime/graph/checker.h"
#include "torchkeep/runtime/graph/four_bits.h"
#include "torchkeep/runtime/payload.h"

namespace torchkeep::runtime::graph {
namespace {

constexpr std::string_view kDataLocation = "payload";

}  // namespace

Result<Graph> Checker::check() {
  graph_.opset = model_.opset;
  if (graph_.opset < kOldestOpset || graph_.opset > kNewestOpset) {
    return malformed("operator set ", graph_.opset, " is not supported, ", kOldestOpset, " to ",
                     kNewestOpset, " are; export the model with another one");
  }
  functions_ = TRY(Functions::make(model_.functions));
  for (const onnx::TensorProto& tensor : model_.initializers) TRY(add_initializer(tensor));
  for (const ByteView info : model_.inputs) TRY(add_input(info));
  InlineConstants constants(model_.initializers, model_.nodes);
  graph_.nodes = TRY(check_nodes(model_.nodes, constants));
  for (const ByteView info : model_.outputs) TRY(add_output(info));
  if (graph_.outputs.empty()) return malformed("the graph has no output");
  TRY(check_four_bits(graph_));
  return std::move(graph_);
}

Result<ValueId> Checker::add_value(std::string_view name, std::shared_ptr<Constant> constant) {
  if (name.empty()) return malformed("a value has no name");
  if (graph_.values.size() == onnx::kMaxValues)
    return malformed("more than ", onnx::kMaxValues, " values");
  const auto id = static_cast<ValueId>(graph_.values.size());
  TRY(names_.add(name, id));
  graph_.values.push_back({name, std::move(constant)});
  return id;
}

Result<void> Checker::add_initializer(const onnx::TensorProto& tensor) {
  if (!tensor.external)
    return malformed("initializer \"", tensor.name, "\" is not in the payload's data");
  const onnx::External& where = *tensor.external;
  const std::string who = text("initializer \"", tensor.name, "\"");
  if (where.location != kDataLocation) return malformed(who, " is in another file");
  if (where.offset % kPayloadAlignment != 0 || where.offset < data_used_) {
    return malformed(who, " begins at ", where.offset, ", wanted is a multiple of ",
                     kPayloadAlignment, " from ", data_used_, " on");
  }
  if (where.offset > data_->size() || tensor.byte_count > data_->size() - where.offset) {
    return malformed(who, " of ", tensor.byte_count, " bytes at ", where.offset,
                     " ends after the data, which has ", data_->size());
  }
  data_used_ = where.offset + tensor.byte_count;
  TRY(add_value(tensor.name, std::make_shared<Constant>(tensor.dtype, tensor.shape, data_,
                                                        where.offset, tensor.byte_count)));
  return {};
}

Result<void> Checker::add_input(ByteView info) {
  const std::string_view name = TRY(onnx::parse_port_name(info));
  // Before IR version 4, initializers were listed among the inputs too.
  const std::optional<ValueId> known = names_.find(name);
  if (known && graph_.values[*known].constant) return {};
  graph_.inputs.push_back(TRY(add_value(name, nullptr)));
  graph_.input_ports.push_back(TRY(onnx::parse_port(info)));
  return {};
}

Result<void> Checker::add_output(ByteView info) {
  const std::string_view name = TRY(onnx::parse_port_name(info));
  const std::optional<ValueId> known = names_.find(name);
  if (!known) return malformed("output \"", name, "\" is made by no node");
  if (graph_.outputs.size() == onnx::kMaxNodeValues) {
    return malformed("the graph has more than ", onnx::kMaxNodeValues, " outputs");
  }
  const auto same = [&](const Port& port) { return port.name == name; };
  if (std::ranges::any_of(graph_.output_ports, same))
    return malformed("output \"", name, "\" is listed twice");
  graph_.outputs.push_back(*known);
  graph_.output_ports.push_back(TRY(onnx::parse_port(info)));
  return {};
}

Result<Graph> check_graph(ByteView model, const std::shared_ptr<SecretBytes>& data) {
  const onnx::ModelProto proto = TRY(onnx::parse_model(model));
  return Checker(proto, data).check();
}

}  // namespace torchkeep::runtime::graph
