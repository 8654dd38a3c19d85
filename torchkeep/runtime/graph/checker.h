#pragma once

#include "torchkeep/runtime/graph/calls.h"
#include "torchkeep/runtime/graph/inline_constants.h"
#include "torchkeep/runtime/graph/names.h"

/// The checking of one graph; check.h says what it is for.
namespace torchkeep::runtime::graph {

class Checker {
 public:
  Checker(const onnx::ModelProto& model, const std::shared_ptr<SecretBytes>& data)
      : model_(model), data_(data) {}

  Result<Graph> check();

 private:
  // check.cpp: what the graph begins and ends with.
  Result<ValueId> add_value(std::string_view name, std::shared_ptr<Constant> constant);
  Result<void> add_initializer(const onnx::TensorProto& tensor);
  Result<void> add_input(ByteView info);
  Result<void> add_output(ByteView info);

  // check_nodes.cpp: what lies between, graphs within it and functions too.
  Result<std::vector<Node>> check_nodes(const std::vector<onnx::NodeProto>& protos,
                                        InlineConstants& constants);
  Result<Node> check_node(const onnx::NodeProto& proto);
  Result<void> add_constant(const onnx::NodeProto& proto, InlineConstants& constants);
  /// The nodes that a call of a function stands for, behind `nodes`.
  Result<void> add_call(const onnx::NodeProto& proto, const onnx::FunctionProto& function,
                        std::vector<Node>& nodes);
  /// Values of a graph within a graph follow those around it, so that what it reads of them is
  /// known by its number.
  Result<Body> check_body(std::string_view attribute, ByteView message);
  /// What a body reads that is older than it, and its constants, which must outlive it.
  void add_captures(const Body& body, ValueId first, std::vector<ValueId>& captures) const;
  /// A few bytes of a function would otherwise become any number in the graph.
  Result<void> count_repeated(std::uint64_t bytes);

  const onnx::ModelProto& model_;
  const std::shared_ptr<SecretBytes>& data_;
  std::uint64_t data_used_ = 0;
  std::size_t node_count_ = 0;
  Names names_;
  Functions functions_;
  const Call* call_ = nullptr;  ///< Of the function whose nodes are checked now.
  std::uint64_t repeated_bytes_ = 0;
  Graph graph_;
};

}  // namespace torchkeep::runtime::graph
