#pragma once

#include "torchkeep/runtime/graph/graph.h"

/// A node's attributes, read by name and type while its kernel is made.
namespace torchkeep::runtime::kernels {

/// *Lives on one thread*, for as long as a kernel is being made.
class NodeReader {
 public:
  NodeReader(const graph::Graph& graph, const graph::Node& node) : graph_(graph), node_(node) {}

  const graph::Node& node() const { return node_; }
  const graph::Graph& graph() const { return graph_; }
  std::int64_t opset() const { return graph_.opset; }
  bool has_input(std::size_t index) const;
  /// Null for an input that is no constant or is left out.
  std::shared_ptr<graph::Constant> constant(std::size_t index) const;

  // Errors of all: Malformed if the attribute has another type.
  Result<std::int64_t> int_or(std::string_view name, std::int64_t otherwise);
  Result<float> float_or(std::string_view name, float otherwise);
  Result<std::string_view> text_or(std::string_view name, std::string_view otherwise);
  /// Empty if it is not there.
  Result<std::vector<std::int64_t>> ints(std::string_view name);
  Result<std::vector<float>> floats(std::string_view name);
  Result<std::vector<std::string_view>> texts(std::string_view name);
  /// Null if it is not there.
  Result<const onnx::TensorProto*> tensor(std::string_view name);
  bool has(std::string_view name) const;
  /// For attributes that say nothing about inference.
  void ignore(std::string_view name);

  /// Errors: Malformed, naming an attribute that nobody has read: it might change what is meant.
  Result<void> finish() const;

 private:
  Result<const graph::Attribute*> find(std::string_view name, graph::AttributeType type);

  const graph::Graph& graph_;
  const graph::Node& node_;
  std::vector<std::string_view> read_;
};

}  // namespace torchkeep::runtime::kernels
