#pragma once

#include <map>
#include <tuple>

#include "torchkeep/runtime/graph/parse.h"

/// A model's local functions, and what a call of one hands to the nodes in it. Calls are inlined
/// while the graph is checked, so that nothing behind that knows of functions.
/// Source: onnx.proto3, FunctionProto and AttributeProto.ref_attr_name.
namespace torchkeep::runtime::graph {

class Functions {
 public:
  /// Errors: Malformed for two of one name.
  static Result<Functions> make(std::span<const onnx::FunctionProto> functions);

  /// The function that this node calls; null for an operator.
  const onnx::FunctionProto* find(const onnx::NodeProto& node) const;

 private:
  using Name = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Name, const onnx::FunctionProto*> functions_;
};

/// What a function's nodes are told by the node that calls it.
struct Call {
  const onnx::FunctionProto* function = nullptr;
  std::vector<Attribute> attributes;
};

/// Checks what a node hands to the function that it calls, whose operator set must be `opset`.
/// Errors: Malformed.
Result<Call> make_call(const onnx::FunctionProto& function, const onnx::NodeProto& node,
                       std::vector<Attribute> attributes, std::int64_t opset);

/// A node's attributes, those filled in that refer to the call's. One that neither the call nor a
/// default gives is left out. `call`: null outside of functions.
/// Errors: Malformed for a reference to nothing, or to another type.
Result<std::vector<Attribute>> attributes_of(const onnx::NodeProto& node, const Call* call);

/// The memory that the lists of attributes take.
std::uint64_t bytes_of(std::span<const Attribute> attributes);

}  // namespace torchkeep::runtime::graph
