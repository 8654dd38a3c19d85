#include "torchkeep/runtime/graph/check.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "torchkeep/runtime/graph/calls.h"
#include "torchkeep/runtime/graph/inline_constants.h"
#include "torchkeep/runtime/payload.h"

namespace torchkeep::runtime::graph {
namespace {

constexpr std::string_view kDataLocation = "payload";

class Checker {
 public:
  Checker(const onnx::ModelProto& model, const std::shared_ptr<SecretBytes>& data)
      : model_(model), data_(data) {}

  Result<Graph> check() {
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
    return std::move(graph_);
  }

 private:
  Result<ValueId> add_value(std::string_view name, std::shared_ptr<Constant> constant) {
    if (name.empty()) return malformed("a value has no name");
    if (graph_.values.size() == onnx::kMaxValues)
      return malformed("more than ", onnx::kMaxValues, " values");
    const auto id = static_cast<ValueId>(graph_.values.size());
    TRY(name_value(name, id));
    graph_.values.push_back({name, std::move(constant)});
    return id;
  }

  Result<void> name_value(std::string_view name, ValueId id) {
    if (!scopes_.back().values.emplace(name, id).second)
      return malformed("value \"", name, "\" is made twice");
    return {};
  }

  /// The value of that name, in the innermost graph that has one; a function sees its own alone.
  std::optional<ValueId> find_value(std::string_view name) const {
    for (std::size_t i = scopes_.size(); i-- > 0;) {
      const auto known = scopes_[i].values.find(name);
      if (known != scopes_[i].values.end()) return known->second;
      if (scopes_[i].is_function) break;
    }
    return std::nullopt;
  }

  Result<std::vector<ValueId>> find_inputs(const onnx::NodeProto& proto) const {
    std::vector<ValueId> inputs;
    for (const std::string_view name : proto.inputs) {
      const std::optional<ValueId> known = find_value(name);
      if (!name.empty() && !known) {
        // Whether a later node makes it or none does: nodes are in order, so a cycle shows here
        // too.
        return malformed("input \"", name, "\" is not made by any node before it");
      }
      inputs.push_back(name.empty() ? kLeftOut : *known);
    }
    return inputs;
  }

  Result<void> add_initializer(const onnx::TensorProto& tensor) {
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

  Result<void> add_input(ByteView info) {
    const std::string_view name = TRY(onnx::parse_port_name(info));
    // Before IR version 4, initializers were listed among the inputs too.
    const std::optional<ValueId> known = find_value(name);
    if (known && graph_.values[*known].constant) return {};
    graph_.inputs.push_back(TRY(add_value(name, nullptr)));
    graph_.input_ports.push_back(TRY(onnx::parse_port(info)));
    return {};
  }

  Result<void> add_output(ByteView info) {
    const std::string_view name = TRY(onnx::parse_port_name(info));
    const std::optional<ValueId> known = find_value(name);
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

  Result<void> add_constant(const onnx::NodeProto& proto, InlineConstants& constants) {
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

  /// A few bytes of a function would otherwise become any number in the graph.
  Result<void> count_repeated(std::uint64_t bytes) {
    repeated_bytes_ += bytes;
    if (repeated_bytes_ <= onnx::kMaxRepeatedBytes) return {};
    return malformed("constants and attributes of functions take more than ",
                     onnx::kMaxRepeatedBytes, " bytes in all their calls");
  }

  /// The nodes that a call of a function stands for, behind `nodes`.
  Result<void> add_call(const onnx::NodeProto& proto, const onnx::FunctionProto& function,
                        std::vector<Node>& nodes) {
    if (calls_ == onnx::kMaxCalls)
      return malformed("functions call each other more than ", onnx::kMaxCalls, " deep");
    const Call call =
        TRY(make_call(function, proto, TRY(attributes_of(proto, call_)), model_.opset));
    const std::vector<ValueId> inputs = TRY(find_inputs(proto));
    scopes_.push_back({{}, true});
    for (std::size_t i = 0; i < function.inputs.size(); ++i)
      TRY(name_value(function.inputs[i], i < inputs.size() ? inputs[i] : kLeftOut));
    const Call* const outer = std::exchange(call_, &call);
    ++calls_;
    InlineConstants constants({}, function.nodes);
    TRY(count_repeated(constants.bytes()));
    std::vector<Node> inner = TRY(check_nodes(function.nodes, constants));
    --calls_;
    call_ = outer;
    std::ranges::move(inner, std::back_inserter(nodes));
    std::vector<std::optional<ValueId>> made;
    for (const std::string_view name : function.outputs) made.push_back(find_value(name));
    scopes_.pop_back();
    for (std::size_t i = 0; i < proto.outputs.size(); ++i) {
      if (proto.outputs[i].empty()) continue;
      if (!made[i] || *made[i] == kLeftOut)
        return malformed("output \"", function.outputs[i], "\" of the function is made by no node");
      TRY(name_value(proto.outputs[i], *made[i]));
    }
    return {};
  }

  Result<std::vector<Node>> check_nodes(const std::vector<onnx::NodeProto>& protos,
                                        InlineConstants& constants) {
    std::vector<Node> nodes;
    for (const onnx::NodeProto& proto : protos) {
      Node named;  // for errors
      named.name = proto.name;
      named.op = proto.op;
      const std::string who =
          describe(named, proto.outputs.empty() ? std::string_view("nothing") : proto.outputs[0]);
      if (++node_count_ > onnx::kMaxNodes)
        return malformed("more than ", onnx::kMaxNodes, " nodes");
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

  /// Values of a graph within a graph follow those around it, so that what it reads of them is
  /// known by its number.
  Result<Body> check_body(std::string_view attribute, ByteView message) {
    if (scopes_.size() - calls_ > onnx::kMaxDepth)
      return malformed("graphs are more than ", onnx::kMaxDepth, " deep within each other");
    const onnx::ModelProto proto = TRY(onnx::parse_body(message));
    InlineConstants constants(proto.initializers, proto.nodes);
    scopes_.emplace_back();
    Body body;
    body.attribute = attribute;
    for (const onnx::TensorProto& tensor : proto.initializers) {
      if (tensor.external)
        return malformed("initializer \"", tensor.name, "\" lies outside the graph");
      TRY(add_value(tensor.name, TRY(constants.make(ConstantSource::of(tensor)))));
    }
    for (const ByteView info : proto.inputs) {
      const std::string_view name = TRY(onnx::parse_port_name(info));
      if (!scopes_.back().values.contains(name))
        body.inputs.push_back(TRY(add_value(name, nullptr)));
    }
    body.nodes = TRY(check_nodes(proto.nodes, constants));
    for (const ByteView info : proto.outputs) {
      const std::string_view name = TRY(onnx::parse_port_name(info));
      const std::optional<ValueId> known = find_value(name);
      if (!known) return malformed("output \"", name, "\" is made by no node");
      body.outputs.push_back(*known);
    }
    if (body.outputs.size() > onnx::kMaxNodeValues || body.inputs.size() > onnx::kMaxNodeValues)
      return malformed("more than ", onnx::kMaxNodeValues, " inputs or outputs");
    scopes_.pop_back();
    return body;
  }

  /// What a body reads that is older than it, and its constants, which must outlive it.
  void add_captures(const Body& body, ValueId first, std::vector<ValueId>& captures) const {
    const auto add = [&](ValueId value) {
      if (value == kLeftOut || (value >= first && !graph_.values[value].constant)) return;
      if (std::ranges::find(captures, value) == captures.end()) captures.push_back(value);
    };
    for (const Node& node : body.nodes) std::ranges::for_each(node.reads(), add);
    std::ranges::for_each(body.outputs, add);
  }

  Result<Node> check_node(const onnx::NodeProto& proto) {
    Node node;
    node.name = proto.name;
    node.op = proto.op;
    node.domain = proto.domain;
    node.inputs = TRY(find_inputs(proto));
    node.attributes = TRY(attributes_of(proto, call_));
    if (call_ != nullptr) TRY(count_repeated(bytes_of(node.attributes)));
    for (const Attribute& attribute : node.attributes) {
      if (attribute.type != AttributeType::Graph) continue;
      const auto first = static_cast<ValueId>(graph_.values.size());
      node.bodies.push_back(
          TRY(check_body(attribute.name, attribute.graph).context(attribute.name)));
      add_captures(node.bodies.back(), first, node.captures);
    }
    for (const std::string_view name : proto.outputs) {
      node.outputs.push_back(name.empty() ? kLeftOut : TRY(add_value(name, nullptr)));
    }
    for (std::size_t i = 0; i < node.attributes.size(); ++i) {
      const auto same = [&](const Attribute& other) {
        return other.name == node.attributes[i].name;
      };
      if (std::find_if(node.attributes.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                       node.attributes.end(), same) != node.attributes.end()) {
        return malformed("attribute \"", node.attributes[i].name, "\" is there twice");
      }
    }
    return node;
  }

  const onnx::ModelProto& model_;
  const std::shared_ptr<SecretBytes>& data_;
  std::uint64_t data_used_ = 0;
  std::size_t node_count_ = 0;
  struct Scope {
    std::unordered_map<std::string_view, ValueId> values;
    bool is_function = false;
  };
  std::vector<Scope> scopes_{1};  ///< The outermost graph's names first.
  Functions functions_;
  const Call* call_ = nullptr;  ///< Of the function whose nodes are checked now.
  std::size_t calls_ = 0;       ///< How many functions that is within.
  std::uint64_t repeated_bytes_ = 0;
  Graph graph_;
};

}  // namespace

Result<Graph> check_graph(ByteView model, const std::shared_ptr<SecretBytes>& data) {
  const onnx::ModelProto proto = TRY(onnx::parse_model(model));
  return Checker(proto, data).check();
}

}  // namespace torchkeep::runtime::graph
