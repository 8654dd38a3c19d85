#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "torchkeep/runtime/shelf.h"
#include "torchkeep/runtime/tensor.h"

/// oneDNN behind a door of our own: its types, exceptions and versions stay in this folder.
/// Numbers are float32 where nothing else is said. Primitives get all memory handed in, scratch
/// memory too.
namespace torchkeep::runtime::dnn {

struct LayoutData;

/// Where a tensor's elements lie: row-major, as ONNX has it, or in an order that a primitive likes
/// better. *Immutable*; copies are cheap.
class Layout {
 public:
  /// Row-major.
  Layout() = default;
  /// Of oneDNN's making; row-major ones become plain. For this folder.
  explicit Layout(std::shared_ptr<const LayoutData> data) : data_(std::move(data)) {}

  bool is_plain() const { return data_ == nullptr; }
  /// Memory holds more elements than the tensor has; what lies between is zero and must stay so.
  bool is_padded() const;
  /// Of a tensor of this shape, padding included; a row-major one is float32.
  std::uint64_t bytes(const Shape& shape) const;
  /// Of a matrix whose elements lie in panels of `columns` columns, each panel one row of those
  /// after the other: the floats from one panel to the next. Packed weights mostly lie so.
  std::optional<std::uint64_t> panel_floats(std::int64_t columns) const;
  const LayoutData* data() const { return data_.get(); }
  bool operator==(const Layout& other) const;

 private:
  std::shared_ptr<const LayoutData> data_;
};

/// Of a matrix [k, n]: panels of 64 columns, each one row after the other. Rows are padded to
/// sixteen, columns to 64, with zeros.
Layout column_panels(const Shape& matrix);
/// Of filters [o, i, 1 to 3 dimensions]: panels of 64 outputs; in each, for sixteen inputs after
/// the other, place by place of the window, sixteen rows of 64. Padded with zeros.
Layout filter_panels(const Shape& filters);
/// Of [n, c, 1 to 3 dimensions]: sixteen channels side by side, as oneDNN's convolutions like
/// them. Padded with zeros.
Layout channel_blocks(const Shape& shape);

/// Of [n, c, 1 to 3 dimensions]: all channels of a place side by side.
Layout channels_last(const Shape& shape, DataType dtype = DataType::Float32);

/// One operation on fixed shapes. Move-only. *Lives with one model*: one run at a time.
class Primitive {
 public:
  struct State;
  Primitive();
  explicit Primitive(std::unique_ptr<State> state);
  Primitive(Primitive&&) noexcept;
  Primitive& operator=(Primitive&&) noexcept;
  ~Primitive();

  /// Memory that `run` wants as its last argument, if any.
  std::uint64_t scratch_bytes() const;
  /// oneDNN's name of the implementation, for benchmarks and curiosity.
  std::string implementation() const;
  /// Floating-point operations of a convolution or a matrix product, a multiplication and an
  /// addition counting two; 0 for others.
  double flops() const;
  /// Runs on memory in the order that the maker states. Errors: Internal.
  Result<void> run(std::span<std::byte* const> memory);
  /// From now on `run` does nothing: what it would write has no elements.
  void rest() { resting_ = true; }

 private:
  std::unique_ptr<State> state_;
  bool resting_ = false;
};

/// The processor as oneDNN sees it. Diagnostic output that would tell of a model is switched off,
/// whatever the environment says. *Not thread-safe.*
class Machine {
 public:
  struct State;
  Machine();
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  State& state() { return *state_; }

  /// Where packed parameters go.
  Shelf& shelf() { return shelf_; }

  /// True if the processor sums products of 8 bit numbers exactly. Others have instructions that
  /// saturate after two products: what oneDNN makes there is no longer what the numbers say.
  static bool multiplies_bytes();

 private:
  Shelf shelf_;
  std::unique_ptr<State> state_;
};

/// Gelu: the exact one, by the error function. Swish: x * sigmoid(x).
enum class Curve { Gelu, GeluByTanh, Swish, HardSwish };

/// What is done to a result before it is written: result + residual, then limited to low..high or
/// bent.
struct Epilogue {
  bool residual = false;  ///< What stands in the output's memory is added.
  bool relu = false;
  std::optional<Curve> curve;
  std::optional<std::pair<float, float>> clip;
};

/// A product of 8 bit numbers:
/// after(scale * (sum of (input - zero) * weight + bias) + residual_scale * residual) * last,
/// around the output's zero point. The bias is float32, in units of the sum.
struct Quantised {
  DataType input = DataType::UInt8, output = DataType::UInt8;  ///< Output may be Float32.
  std::int32_t input_zero = 0, output_zero = 0;
  std::vector<float> scales;  ///< One, or one for each channel or column.
  float residual_scale = 1;
  float last = 1;
};

struct Convolution {
  Shape input;    ///< [n, c, ...]
  Shape weights;  ///< [o, i, ...], or [groups, o, i, ...] if grouped.
  Shape output;   ///< [n, o, ...]
  Shape strides, dilations, pads_begin, pads_end;  ///< A number each spatial dimension.
  bool grouped = false;
  bool bias = false;
  Epilogue epilogue;
  std::optional<Quantised> quantised;  ///< Weights are Int8 then.
};

/// Memory order: input, weights, bias if any, output, scratch if any.
struct Planned {
  Primitive primitive;
  Layout input, weights, output;
};

/// `input`: the layout that it has now, which is kept unless another one is worth a reorder.
/// `weights`: a layout that they must have; none: whichever is best.
/// Errors: Malformed if oneDNN cannot do it.
Result<Planned> make_convolution(Machine& machine, const Convolution& wanted, const Layout& input,
                                 const std::optional<Layout>& weights);

/// [batches..., m, k] x [batches..., k, n]; dimensions of 1 are broadcast.
struct MatMul {
  Shape input, weights, output;
  bool transposed_input = false;    ///< Row-major input is [k, m] with `input` saying [m, k].
  bool transposed_weights = false;  ///< Row-major weights are [n, k] with `weights` saying [k, n].
  bool bias = false;                ///< [n]
  float scale = 1;                  ///< Of the product, bias included.
  Epilogue epilogue;
  std::optional<Quantised> quantised;  ///< Weights are Int8 then.
};
/// Input and output are row-major. `pack`: weights lie as the primitive likes best.
/// Without rows or batches it writes nothing.
/// Memory order: input, weights, bias if any, output, scratch if any.
/// Errors: Malformed, also for sums of no products and for packed weights without elements.
Result<Planned> make_matmul(Machine& machine, const MatMul& wanted, bool pack);

enum class PoolKind { Max, AverageWithPadding, AverageWithoutPadding };
struct Pooling {
  PoolKind kind = PoolKind::Max;
  Shape input, output;
  Shape kernel, strides, dilations, pads_begin, pads_end;
  DataType dtype = DataType::Float32;  ///< Or Int8, UInt8: averages are rounded to even.
};
/// Memory order: input, output, scratch if any. Errors: Malformed.
Result<Planned> make_pooling(Machine& machine, const Pooling& wanted, const Layout& input);

/// Over one dimension of a row-major tensor. Memory order: input, output, scratch.
Result<Planned> make_softmax(Machine& machine, const Shape& shape, int axis, bool logarithm);

enum class EltwiseKind { Abs, Clip, Exp, HardSwish, Linear, Relu, Sigmoid, Sqrt, Tanh };
/// On each element; `alpha` and `beta` as oneDNN has them (Linear: alpha * x + beta; Clip: low,
/// high). Output lies as the input does and may be the same memory. Memory order: input, output,
/// scratch.
Result<Planned> make_eltwise(Machine& machine, EltwiseKind kind, float alpha, float beta,
                             const Shape& shape, const Layout& layout);

enum class BinaryKind { Add, Sub, Mul, Div, Max, Min };
/// left (op) right, where dimensions of `right` may be 1. Output lies as `left` and may be its
/// memory. Memory order: left, right, output, scratch.
Result<Planned> make_binary(Machine& machine, BinaryKind kind, const Shape& left,
                            const Layout& left_layout, const Shape& right,
                            const Layout& right_layout);

/// From one layout of a tensor to another. Memory order: from, to, scratch.
Result<Primitive> make_reorder(Machine& machine, const Shape& shape, const Layout& from,
                               const Layout& to, DataType dtype = DataType::Float32);

/// From a matrix of floats whose rows are `row_step` floats apart: a row-major one's first columns.
Result<Primitive> make_strided_reorder(Machine& machine, const Shape& matrix, std::int64_t row_step,
                                       const Layout& to);

/// From row-major weights [n, k], seen as [k, n], to a layout of [k, n].
Result<Primitive> make_transposing_reorder(Machine& machine, const Shape& shape, const Layout& to,
                                           DataType dtype = DataType::Float32);

}  // namespace torchkeep::runtime::dnn
