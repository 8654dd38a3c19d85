#pragma once

#include "torchkeep/runtime/graph/graph.h"

/// ONNX's ModelProto, taken apart but not yet looked at: names are views into the message.
/// Source: onnx.proto3 (ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto).
namespace torchkeep::runtime::onnx {

// Far above what exporters write; they bound the time and memory that a hostile graph can ask for.
inline constexpr std::size_t kMaxNodes = 50'000;
inline constexpr std::size_t kMaxValues = 200'000;
inline constexpr std::size_t kMaxNodeValues = 4'096;        ///< Inputs or outputs of one node.
inline constexpr std::size_t kMaxAttributes = 64;           ///< Of one node.
inline constexpr std::size_t kMaxAttributeValues = 65'536;  ///< Of one list.
inline constexpr std::size_t kMaxRank = 8;
inline constexpr std::size_t kMaxDepth = 8;  ///< Of graphs within graphs.

struct NodeProto {
  std::string_view name, op, domain;
  std::vector<std::string_view> inputs, outputs;  ///< "" where one is left out.
  std::vector<graph::Attribute> attributes;
};

struct ModelProto {
  std::int64_t opset = 0;  ///< Of the default domain.
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ByteView> inputs, outputs;  ///< ValueInfoProtos.
};

/// Errors: Malformed, naming the node where one is at fault; also for models without a graph,
/// with local functions or with sparse initializers.
Result<ModelProto> parse_model(ByteView message);

/// A GraphProto that is an attribute. Errors: as parse_model's.
Result<ModelProto> parse_body(ByteView message);

/// Errors: Malformed, naming the value; also for sequences, maps, optional and sparse values.
Result<Port> parse_port(ByteView value_info);

/// The name of a ValueInfoProto. Errors: Malformed.
Result<std::string_view> parse_port_name(ByteView value_info);

}  // namespace torchkeep::runtime::onnx
