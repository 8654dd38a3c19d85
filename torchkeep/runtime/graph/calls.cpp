#include "torchkeep/runtime/graph/calls.h"

#include <algorithm>

namespace torchkeep::runtime::graph {
namespace {

const Attribute* find_attribute(std::span<const Attribute> attributes, std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

}  // namespace

Result<Functions> Functions::make(std::span<const onnx::FunctionProto> functions) {
  Functions all;
  for (const onnx::FunctionProto& function : functions) {
    const Name name{function.domain, function.name, function.overload};
    if (!all.functions_.emplace(name, &function).second)
      return malformed("function ", function.name, " of domain \"", function.domain,
                       "\" is there twice");
  }
  return all;
}

const onnx::FunctionProto* Functions::find(const onnx::NodeProto& node) const {
  const auto found = functions_.find({node.domain, node.op, node.overload});
  return found == functions_.end() ? nullptr : found->second;
}

Result<Call> make_call(const onnx::FunctionProto& function, const onnx::NodeProto& node,
                       std::vector<Attribute> attributes, std::int64_t opset) {
  if (function.opset != 0 && function.opset != opset) {
    return malformed("the function is of operator set ", function.opset, ", the model of ", opset,
                     "; wanted is one for both");
  }
  if (node.inputs.size() > function.inputs.size() ||
      node.outputs.size() > function.outputs.size()) {
    return malformed("there are ", node.inputs.size(), " inputs and ", node.outputs.size(),
                     " outputs, the function has ", function.inputs.size(), " and ",
                     function.outputs.size());
  }
  for (const Attribute& attribute : attributes) {
    const bool is_known =
        std::ranges::find(function.attributes, attribute.name) != function.attributes.end() ||
        find_attribute(function.defaults, attribute.name) != nullptr;
    if (!is_known) return malformed("the function has no attribute \"", attribute.name, "\"");
    // It would be read among the function's values, not the caller's.
    if (attribute.type == AttributeType::Graph)
      return malformed("attribute \"", attribute.name, "\" hands a graph to a function");
  }
  return Call{&function, std::move(attributes)};
}

Result<std::vector<Attribute>> attributes_of(const onnx::NodeProto& node, const Call* call) {
  std::vector<Attribute> attributes = node.attributes;
  for (const onnx::AttributeReference& reference : node.references) {
    if (call == nullptr) {
      return malformed("attribute \"", reference.name, "\" refers to \"", reference.of,
                       "\" of a function, and stands in none");
    }
    const Attribute* given = find_attribute(call->attributes, reference.of);
    if (given == nullptr) given = find_attribute(call->function->defaults, reference.of);
    if (given == nullptr) {
      if (std::ranges::find(call->function->attributes, reference.of) ==
          call->function->attributes.end()) {
        return malformed("attribute \"", reference.name, "\" refers to \"", reference.of,
                         "\", which the function does not have");
      }
      continue;
    }
    if (given->type != reference.type) {
      return malformed("attribute \"", reference.name, "\" refers to \"", reference.of,
                       "\", which is of another type");
    }
    attributes.push_back(*given);
    attributes.back().name = reference.name;
  }
  return attributes;
}

std::uint64_t bytes_of(std::span<const Attribute> attributes) {
  std::uint64_t bytes = 0;
  for (const Attribute& attribute : attributes) {
    bytes += attribute.ints.size() * sizeof(std::int64_t) +
             attribute.floats.size() * sizeof(float) +
             attribute.strings.size() * sizeof(std::string_view);
  }
  return bytes;
}

}  // namespace torchkeep::runtime::graph
