#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "torchkeep/runtime/graph/onnx_tensor.h"
#include "torchkeep/runtime/shelf.h"

/// A model's graph as the engine works on it. Names are views into the graph's own bytes, which are
/// secret and outlive it: nothing of a graph is copied into memory that is not wiped.
namespace torchkeep::runtime::graph {

/// Elements that are known before a run, in secret memory that several may share.
/// The last owner's going wipes them and gives their pages back, so whoever has packed a parameter
/// in another order lets go of it. *Not thread-safe.*
class Constant {
 public:
  Constant(DataType dtype, Shape shape, std::shared_ptr<SecretBytes> memory, std::size_t offset,
           std::size_t size);
  ~Constant();
  Constant(const Constant&) = delete;
  Constant& operator=(const Constant&) = delete;

  /// One with memory of its own, all zeros.
  static Result<std::shared_ptr<Constant>> make(DataType dtype, Shape shape);

  DataType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  ByteView bytes() const;
  MutableByteView bytes();
  /// Of the memory that it is a part of, a model's parameters mostly.
  std::uint64_t memory_bytes() const { return memory_->size(); }
  /// Wipes a part of its elements that is wanted no more, and returns its pages.
  void discard(std::size_t offset, std::size_t size);
  template <typename T>
  std::span<const T> elements() const {
    return {reinterpret_cast<const T*>(bytes().data()), bytes().size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> elements() {
    return {reinterpret_cast<T*>(bytes().data()), bytes().size() / sizeof(T)};
  }

 private:
  friend void give_away(std::shared_ptr<Constant> constant, Shelf& shelf);

  DataType dtype_;
  Shape shape_;
  std::shared_ptr<SecretBytes> memory_;
  std::size_t offset_;
  std::size_t size_;
};

/// Lets go of a constant whose elements are packed elsewhere: if nobody else has it, its part of a
/// larger memory is room for the next. Nothing may be nothing.
void give_away(std::shared_ptr<Constant> constant, Shelf& shelf);

/// The integers of a constant of int64 or int32. Errors: Malformed for another type.
Result<std::vector<std::int64_t>> to_ints(const Constant& constant);

enum class AttributeType : std::int64_t {
  Float = 1,
  Int = 2,
  String = 3,
  Tensor = 4,
  Graph = 5,
  Floats = 6,
  Ints = 7,
  Strings = 8,
  Other = 0,
};

struct Attribute {
  std::string_view name;
  AttributeType type = AttributeType::Other;
  std::int64_t i = 0;
  float f = 0;
  std::string_view s;
  std::vector<std::int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string_view> strings;
  std::optional<onnx::TensorProto> tensor;
  ByteView graph;  ///< A GraphProto, which the graph's check makes a Body of.
};

using ValueId = std::uint32_t;
inline constexpr ValueId kLeftOut = ~ValueId{0};  ///< An optional input or output.

/// What runs on a node's result before it is written.
struct Activation {
  enum class Kind { None, Relu, Clip, Gelu, GeluByTanh, Swish, HardSwish } kind = Kind::None;
  float low = 0, high = 0;  ///< Of Clip.

  float apply(float value) const;
};

/// How a MatMul that stands for attention reads and writes: inputs 0 to 2 are queries, keys and
/// values, 3 is the mask if there is one. Attention itself sees [batch..., rows, width]; each
/// permutation says which dimension of the tensor in memory that is. Empty: it lies so.
struct WrittenAttention {
  std::vector<std::int64_t> query, key, value, output;
  enum class Mask {
    None,
    Added,        ///< To the scores.
    Replaced,     ///< Scores where it is true become `replacement`,
    ReplacedNot,  ///< or those where it is false.
  } mask = Mask::None;
  float replacement = 0;
};

/// A RotaryEmbedding that stands for nodes as written: x * cosines + turned * sines, each spread
/// over the others. A row of `turned` is a piece of x's, negated, and another behind it. Inputs are
/// x, cosines, sines, and the begin and end of the negated piece and of the other; without those,
/// the pieces are the second half and the first. All axes must name x's last dimension.
/// Source: https://arxiv.org/abs/2104.09864, as exporters write it.
struct WrittenRotation {
  std::vector<std::int64_t> axes;
  std::optional<std::int64_t> half;  ///< The size of each half, if it is known.
};

/// What numbers of 8 bits stand for: (number - zero) * scale.
struct Quantisation {
  DataType dtype = DataType::UInt8;  ///< Or Int8; Float32 for floats that meet quantised weights.
  std::int32_t zero = 0;
  float scale = 1;

  bool operator==(const Quantisation&) const = default;
};

/// A node that computes with quantised numbers where ONNX has it between DequantizeLinear and
/// QuantizeLinear. A Conv, Gemm or MatMul of them has the inputs: numbers, weights of Int8 around
/// 0, a bias of floats or none, the weights' scales, one or one for each channel; all but the first
/// are constants. An Add has two tensors of numbers, a Mul one or two (the other is of Float32), a
/// Concat any number. An average without an output's scale makes floats.
struct Quantised {
  Quantisation input;
  std::optional<Quantisation>
      second;  ///< Of an Add's or Mul's other side, or of a product's residual.
  std::optional<Quantisation> output;   ///< None: floats.
  std::vector<Quantisation> each = {};  ///< Of a Concat's inputs, one for each.
};

struct Node;

/// A graph within a node: a branch of an If, what a Loop repeats. It shares the values of the graph
/// around it and may read any of them.
struct Body {
  std::string_view attribute;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

struct Node {
  std::string_view name;
  std::string_view op;
  std::string_view domain;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Attribute> attributes;
  std::vector<Body> bodies;
  std::vector<ValueId> captures;  ///< What the bodies read beyond their own inputs and nodes.

  // What the optimiser fused into it; ONNX has no words for these.
  bool recognised = false;  ///< Found written out; may be newer than the model's operator set.
  Activation activation;
  bool turned = false;  ///< Input 1 of a MatMul is the transpose of what it multiplies with:
                        ///< a matrix of floats, known and wide enough to be packed.
  bool biased = false;  ///< Input 2 of a MatMul is added to each row of the product.
  float scale = 1;      ///< What the product of a MatMul without bias is multiplied by.
  ValueId residual = kLeftOut;  ///< Added to the result, before the activation.
  std::optional<Quantised> quantised;
  std::optional<WrittenAttention> attention;  ///< What a MatMul of `scale` stands for.
  std::optional<WrittenRotation> rotation;    ///< What a RotaryEmbedding stands for.
  /// Of a Gather and of a MatMul or Gemm that share a table, which lies once in dnn::column_panels:
  /// the matrix [k, n] that is multiplied with. A Gather takes its columns.
  std::optional<Shape> panels;

  /// Every value that the node reads, captures and the residual too, those left out too.
  std::vector<ValueId> reads() const;
};

/// "operator Conv (node /layer1/Conv)", for errors. A nameless node is called by what it makes.
std::string describe(const Node& node, std::string_view first_output);

struct Value {
  std::string_view name;
  std::shared_ptr<Constant> constant;  ///< Null for what is computed or handed in.
};

struct Graph {
  std::int64_t opset = 0;
  std::vector<Value> values;
  std::vector<Node> nodes;  ///< In an order in which they can run.
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Port> input_ports;
  std::vector<Port> output_ports;

  std::string describe(const Node& node) const;
  /// How many times nodes and the graph's outputs read each value.
  std::vector<std::uint32_t> count_uses() const;
  /// Lets every reader of a value v, the graph's outputs too, read `to[v]`.
  void rename(const std::vector<ValueId>& to);
  /// Takes out the nodes that are marked, of which there is a mark each.
  void remove_nodes(const std::vector<bool>& marked);
  ValueId add_constant(std::string_view name, std::shared_ptr<Constant> constant);
};

}  // namespace torchkeep::runtime::graph
