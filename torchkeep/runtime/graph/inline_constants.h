#pragma once

#include "torchkeep/runtime/graph/parse.h"

/// Constants that stand in the graph itself: values of Constant nodes, initializers of graphs
/// within it.
namespace torchkeep::runtime::graph {

/// Where a constant's elements are in the message.
struct ConstantSource {
  DataType dtype;
  Shape shape;
  const onnx::TensorProto* tensor = nullptr;
  ByteView bytes;  ///< Without a tensor: its elements.

  static ConstantSource of(const onnx::TensorProto& tensor) {
    return {tensor.dtype, tensor.shape, &tensor, {}};
  }
  /// Of what its shape asks for, all of which stands in the message: a claimed shape allocates
  /// nothing. Errors: Malformed if there is less.
  Result<std::uint64_t> size() const;
};

/// Of a Constant node, which has exactly one of several attributes.
/// Errors: Malformed for those that the engine does not have.
/// Source: ONNX operator Constant-13.
Result<ConstantSource> source_of(const Attribute& attribute);

/// The constants of one graph share one block: there may be thousands of a few bytes.
class InlineConstants {
 public:
  /// With room for those of a graph with these initializers and nodes, whichever of them are
  /// asked for.
  InlineConstants(std::span<const onnx::TensorProto> initializers,
                  std::span<const onnx::NodeProto> nodes);

  /// Of all of them.
  std::uint64_t bytes() const { return memory_->size(); }

  /// Each may be asked for once. Errors: Malformed for elements that do not follow their shape.
  Result<std::shared_ptr<Constant>> make(const ConstantSource& source);

 private:
  std::shared_ptr<SecretBytes> memory_;
  std::size_t used_ = 0;
};

}  // namespace torchkeep::runtime::graph
