#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "torchkeep/runtime/graph/checker.h"

namespace torchkeep::runtime::graph {

Result<void> Checker::count_repeated(std::uint64_t bytes) {
  repeated_bytes_ += bytes;
  if (repeated_bytes_ <= onnx::kMaxRepeatedBytes) return {};
  return malformed("constants and attributes of functions take more than ", onnx::kMaxRepeatedBytes,
                   " bytes in all their calls");
}

Result<void> Checker::add_constant(const onnx::NodeProto& proto, InlineConstants& constants) {
  const std::vector<Attribute> attributes = TRY(attributes_of(proto, call_));
  if (attributes.size() != 1 || proto.outputs.size() != 1 || !proto.inputs.empty()) {
    return malformed("wanted are one attribute, one output and no input");
  }
  const ConstantSource source = TRY(source_of(attributes[0]));
  if (proto.references.empty()) {
    TRY(add_value(proto.outputs[0], TRY(constants.make(source))));
    return {};
  }
  // The graph's own constants have no room for what a call hands in.
  onnx::NodeProto filled = proto;
  filled.attributes = attributes;
  InlineConstants alone({}, {&filled, 1});
  TRY(count_repeated(alone.bytes()));
  TRY(add_value(proto.outputs[0], TRY(alone.make(source))));
  return {};
}

Result<void> Checker::add_call(const onnx::NodeProto& proto, const onnx::FunctionProto& function,
                               std::vector<Node>& nodes) {
  if (names_.functions() == onnx::kMaxCalls)
    return malformed("functions call each other more than ", onnx::kMaxCalls, " deep");
  const Call call = TRY(make_call(function, proto, TRY(attributes_of(proto, call_)), model_.opset));
  const std::vector<ValueId> inputs = TRY(names_.find_inputs(proto));
  names_.open(true);
  for (std::size_t i = 0; i < function.inputs.size(); ++i)
    TRY(names_.add(function.inputs[i], i < inputs.size() ? inputs[i] : kLeftOut));
  const Call* const outer = std::exchange(call_, &call);
  InlineConstants constants({}, function.nodes);
  TRY(count_repeated(constants.bytes()));
  std::vector<Node> inner = TRY(check_nodes(function.nodes, constants));
  call_ = outer;
  std::ranges::move(inner, std::back_inserter(nodes));
  std::vector<std::optional<ValueId>> made;
  for (const std::string_view name : function.outputs) made.push_back(names_.find(name));
  names_.close();
  for (std::size_t i = 0; i < proto.outputs.size(); ++i) {
    if (proto.outputs[i].empty()) continue;
    if (!made[i] || *made[i] == kLeftOut)
      return malformed("output \"", function.outputs[i], "\" of the function is made by no node");
    TRY(names_.add(proto.outputs[i], *made[i]));
  }
  return {};
}

Result<std::vector<Node>> Checker::check_nodes(const std::vector<onnx::NodeProto>& protos,
                                               InlineConstants& constants) {
  std::vector<Node> nodes;
  for (const onnx::NodeProto& proto : protos) {
    Node named;  // for errors
    named.name = proto.name;
    named.op = proto.op;
    const std::string who =
        describe(named, proto.outputs.empty() ? std::string_view("nothing") : proto.outputs[0]);
    if (++node_count_ > onnx::kMaxNodes) return malformed("more than ", onnx::kMaxNodes, " nodes");
    if (proto.op == "Constant" && proto.domain.empty()) {
      TRY(add_constant(proto, constants).context(who));
    } else if (const onnx::FunctionProto* const function = functions_.find(proto)) {
      TRY(add_call(proto, *function, nodes).context(who));
    } else {
      nodes.push_back(TRY(check_node(proto).context(who)));
    }
  }
  return nodes;
}

Result<Body> Checker::check_body(std::string_view attribute, ByteView message) {
  if (names_.graphs() > onnx::kMaxDepth)
    return malformed("graphs are more than ", onnx::kMaxDepth, " deep within each other");
  const onnx::ModelProto proto = TRY(onnx::parse_body(message));
  InlineConstants constants(proto.initializers, proto.nodes);
  if (call_ != nullptr) TRY(count_repeated(constants.bytes()));
  names_.open();
  Body body;
  body.attribute = attribute;
  for (const onnx::TensorProto& tensor : proto.initializers) {
    if (tensor.external)
      return malformed("initializer \"", tensor.name, "\" lies outside the graph");
    TRY(add_value(tensor.name, TRY(constants.make(ConstantSource::of(tensor)))));
  }
  for (const ByteView info : proto.inputs) {
    const std::string_view name = TRY(onnx::parse_port_name(info));
    if (!names_.is_here(name)) body.inputs.push_back(TRY(add_value(name, nullptr)));
  }
  body.nodes = TRY(check_nodes(proto.nodes, constants));
  for (const ByteView info : proto.outputs) {
    const std::string_view name = TRY(onnx::parse_port_name(info));
    const std::optional<ValueId> known = names_.find(name);
    if (!known) return malformed("output \"", name, "\" is made by no node");
    body.outputs.push_back(*known);
  }
  if (body.outputs.size() > onnx::kMaxNodeValues || body.inputs.size() > onnx::kMaxNodeValues)
    return malformed("more than ", onnx::kMaxNodeValues, " inputs or outputs");
  names_.close();
  return body;
}

void Checker::add_captures(const Body& body, ValueId first, std::vector<ValueId>& captures) const {
  std::unordered_set<ValueId> seen(captures.begin(), captures.end());
  const auto add = [&](ValueId value) {
    if (value == kLeftOut || (value >= first && !graph_.values[value].constant)) return;
    if (seen.insert(value).second) captures.push_back(value);
  };
  for (const Node& node : body.nodes) std::ranges::for_each(node.reads(), add);
  std::ranges::for_each(body.outputs, add);
}

Result<Node> Checker::check_node(const onnx::NodeProto& proto) {
  Node node;
  node.name = proto.name;
  node.op = proto.op;
  node.domain = proto.domain;
  node.inputs = TRY(names_.find_inputs(proto));
  node.attributes = TRY(attributes_of(proto, call_));
  if (call_ != nullptr) TRY(count_repeated(bytes_of(node.attributes)));
  for (const Attribute& attribute : node.attributes) {
    if (attribute.type != AttributeType::Graph) continue;
    const auto first = static_cast<ValueId>(graph_.values.size());
    node.bodies.push_back(TRY(check_body(attribute.name, attribute.graph).context(attribute.name)));
    add_captures(node.bodies.back(), first, node.captures);
  }
  for (const std::string_view name : proto.outputs) {
    node.outputs.push_back(name.empty() ? kLeftOut : TRY(add_value(name, nullptr)));
  }
  for (std::size_t i = 0; i < node.attributes.size(); ++i) {
    const auto same = [&](const Attribute& other) { return other.name == node.attributes[i].name; };
    if (std::find_if(node.attributes.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     node.attributes.end(), same) != node.attributes.end()) {
      return malformed("attribute \"", node.attributes[i].name, "\" is there twice");
    }
  }
  return node;
}

}  // namespace torchkeep::runtime::graph
