#pragma once

#include "torchkeep/runtime/graph/graph.h"

/// ONNX's ModelProto, taken apart but not yet looked at: names are views into the message.
/// Source: onnx.proto3 (ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto,
/// FunctionProto).
namespace torchkeep::runtime::onnx {

// Far above what exporters write; they bound the time and memory that a hostile graph can ask for.
inline constexpr std::size_t kMaxNodes = 50'000;
inline constexpr std::size_t kMaxValues = 200'000;
inline constexpr std::size_t kMaxNodeValues = 4'096;        ///< Inputs or outputs of one node.
inline constexpr std::size_t kMaxAttributes = 64;           ///< Of one node.
inline constexpr std::size_t kMaxAttributeValues = 65'536;  ///< Of one list.
inline constexpr std::size_t kMaxRank = 8;
inline constexpr std::size_t kMaxDepth = 8;   ///< Of graphs within graphs.
inline constexpr std::size_t kMaxCalls = 32;  ///< Of functions that call each other.
inline constexpr std::size_t kMaxFunctions = 4'096;
/// Of constants and attributes that stand in functions once and in the graph for each call.
inline constexpr std::uint64_t kMaxRepeatedBytes = std::uint64_t{256} << 20;

/// An attribute of a node in a function whose value is that of the call's attribute `of`.
struct AttributeReference {
  std::string_view name, of;
  graph::AttributeType type = graph::AttributeType::Other;
};

struct NodeProto {
  std::string_view name, op, domain, overload;
  std::vector<std::string_view> inputs, outputs;  ///< "" where one is left out.
  std::vector<graph::Attribute> attributes;
  std::vector<AttributeReference> references;
};

/// Nodes that a node of this name stands for.
struct FunctionProto {
  std::string_view name, domain, overload;
  std::int64_t opset = 0;  ///< Of the default domain; 0 if it names none.
  std::vector<std::string_view> inputs, outputs;
  std::vector<std::string_view> attributes;  ///< That a call may give, those with defaults apart.
  std::vector<graph::Attribute> defaults;
  std::vector<NodeProto> nodes;
};

struct ModelProto {
  std::int64_t opset = 0;  ///< Of the default domain.
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ByteView> inputs, outputs;  ///< ValueInfoProtos.
  std::vector<FunctionProto> functions;
};

/// Errors: Malformed, naming the node where one is at fault; also for models without a graph or
/// with sparse initializers.
Result<ModelProto> parse_model(ByteView message);

/// A GraphProto that is an attribute. Errors: as parse_model's.
Result<ModelProto> parse_body(ByteView message);

/// Errors: Malformed, naming the value; also for sequences, maps, optional and sparse values.
Result<Port> parse_port(ByteView value_info);

/// The name of a ValueInfoProto. Errors: Malformed.
Result<std::string_view> parse_port_name(ByteView value_info);

}  // namespace torchkeep::runtime::onnx
