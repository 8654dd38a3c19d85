#pragma once

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "torchkeep/base/mapped_file.h"
#include "torchkeep/runtime/graph/parse.h"

/// The model that is to be quantised, as it stands in its file.
namespace torchkeep::quantise {

using runtime::onnx::NodeProto;
using runtime::onnx::TensorProto;

/// Node `node` reads a value as its input `input`.
struct Reading {
  std::size_t node, input;
};

/// An .onnx file taken apart through views; parameters stay where they are, and pass through memory
/// one at a time. *Immutable.*
class Source {
 public:
  /// Errors: NotFound, Unavailable; Malformed if it is no ONNX model that can be read, or its
  /// external data is not there; InvalidArgument if it is quantised already.
  static Result<Source> open(const Path& path);

  const Path& path() const { return path_; }
  /// Bytes of the file and of its external data.
  std::uint64_t bytes() const;
  bool has_external_data() const { return !external_.empty(); }
  std::int64_t opset() const { return opset_; }
  std::int64_t ir_version() const { return ir_version_; }

  /// The fields of the ModelProto and of its GraphProto, in their order.
  const std::vector<runtime::wire::Field>& model_fields() const { return model_fields_; }
  const std::vector<runtime::wire::Field>& graph_fields() const { return graph_fields_; }
  /// As they follow each other among the graph's fields.
  const std::vector<NodeProto>& nodes() const { return graph_.nodes; }
  const std::vector<ByteView>& node_messages() const { return node_messages_; }
  const std::vector<TensorProto>& initializers() const { return graph_.initializers; }

  /// The node that makes a value. None for inputs and initializers.
  std::optional<std::size_t> maker(std::string_view value) const;
  const std::vector<Reading>& readers(std::string_view value) const;
  /// Whether it is an output of the graph, or read within the body of a node.
  bool read_elsewhere(std::string_view value) const { return elsewhere_.contains(value); }
  bool is_input(std::string_view value) const { return inputs_.contains(value); }
  bool is_known_name(std::string_view name) const { return names_.contains(name); }
  /// "MatMul" and the like within bodies of If, Loop and Scan, counted.
  const std::map<std::string, std::size_t, std::less<>>& inner_operators() const {
    return inner_operators_;
  }

  /// The initializer or Constant that a value is, through Identity nodes. Null if it is none.
  const TensorProto* find_known(std::string_view value) const;
  /// What the names above come from: the value that Identity nodes hand on.
  std::string_view origin(std::string_view value) const;
  /// The elements of a tensor, as they lie in the file. None if they are written one by one.
  Result<std::optional<ByteView>> find_raw(const TensorProto& tensor) const;
  /// The elements of a tensor. Errors: Malformed if it is no FP32; Unavailable.
  Result<SecretBuffer> load_floats(const TensorProto& tensor) const;

  /// "operator Conv (node /layer1/Conv)".
  std::string describe(std::size_t node) const;
  /// The node's name, or that of what it makes.
  std::string name_of(std::size_t node) const;

 private:
  Source(Path path, MappedFile file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> take_apart();
  Result<void> note_nodes();
  Result<void> note_body(ByteView graph, std::size_t depth);
  Result<void> map_external();

  Path path_;
  MappedFile file_;
  std::map<std::string, MappedFile, std::less<>> external_;
  std::vector<runtime::wire::Field> model_fields_, graph_fields_;
  std::int64_t opset_ = 0, ir_version_ = 0;
  runtime::onnx::ModelProto graph_;
  std::vector<ByteView> node_messages_;
  std::unordered_map<std::string_view, std::size_t> makers_;
  std::unordered_map<std::string_view, std::vector<Reading>> readers_;
  std::unordered_map<std::string_view, const TensorProto*> known_;
  std::unordered_set<std::string_view> elsewhere_, inputs_, names_;
  std::map<std::string, std::size_t, std::less<>> inner_operators_;
};

/// A node's attribute of that name; null if it has none.
const runtime::graph::Attribute* find_attribute(const NodeProto& node, std::string_view name);
/// Its number, or `otherwise`.
std::int64_t int_of(const NodeProto& node, std::string_view name, std::int64_t otherwise);

/// An operator of ONNX's own.
inline bool is_standard(const NodeProto& node, std::string_view op) {
  return node.op == op && node.domain.empty();
}

}  // namespace torchkeep::quantise
