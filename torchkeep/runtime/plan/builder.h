#pragma once

#include <functional>

#include "torchkeep/runtime/deadline.h"
#include "torchkeep/runtime/dnn/dnn.h"
#include "torchkeep/runtime/graph/graph.h"
#include "torchkeep/runtime/plan/strides.h"
#include "torchkeep/runtime/threads/pool.h"

/// What a kernel plans with: the node's inputs as they will lie, and a list of steps to add to.
namespace torchkeep::runtime::kernels {
class Kernel;
}

namespace torchkeep::runtime::plan {

/// A piece of memory that steps read and write: part of the arena, an input or output tensor of the
/// model, or a parameter.
using BufferId = std::uint32_t;

/// A value as it is known while planning.
struct Operand {
  DataType dtype = DataType::Float32;
  Shape shape;
  dnn::Layout layout;
  std::shared_ptr<const graph::Constant> constant;  ///< If its elements are known by now.
};

/// Does a step's work on the memory of its buffers, in the order in which they were listed.
using Action = std::function<Result<void>(std::span<std::byte* const> memory, Pool& pool)>;

class Planner;

/// A tensor in memory of somebody else.
struct View {
  DataType dtype = DataType::Float32;
  Shape shape;
  const std::byte* data = nullptr;  ///< Null: it is left out.

  /// As `of`, in memory that the view has already.
  void look_at(const Tensor& tensor) {
    dtype = tensor.dtype;
    shape = tensor.shape;
    data = start_of(tensor.data);
  }
  static View of(const Tensor& tensor) {
    return {tensor.dtype, tensor.shape, start_of(tensor.data)};
  }
  static View of(const graph::Constant& constant) {
    return {constant.dtype(), constant.shape(), start_of(constant.bytes())};
  }
  /// Never null: a tensor without elements is there all the same.
  static const std::byte* start_of(ByteView bytes) {
    alignas(64) static constexpr std::byte kNothing{};
    return bytes.empty() ? &kNothing : reinterpret_cast<const std::byte*>(bytes.data());
  }
};

/// With what everything is run, and how far it may go.
struct Context {
  dnn::Machine& machine;
  Pool& pool;
  std::uint64_t max_bytes = 0;  ///< For the activations of one plan, and what it hands on.
  Deadline deadline = {};       ///< Of the whole run.

  /// Errors: Unavailable if `bytes`, which an operator keeps beside the arena, are more than
  /// `max_bytes`: what a loop collects and sequences hold lies in no plan's arena.
  Result<void> check_kept(std::uint64_t bytes) const {
    if (bytes <= max_bytes) return {};
    return unavailable("what it keeps needs ", bytes, " bytes, the limit for a run is ", max_bytes);
  }
};

/// A node that is yet to be planned. With a body: the end of that branch, whose outputs become the
/// node's.
struct Item {
  Item() = default;
  Item(const graph::Node* node, kernels::Kernel* kernel, const graph::Body* body);

  const graph::Node* node = nullptr;
  kernels::Kernel* kernel = nullptr;
  const graph::Body* body = nullptr;
  // As the kernel says, for some input at least: kernels lie scattered, items do not.
  bool needs_known = false, runs_alone = false, is_constant = false;
};

/// What a node stands for.
struct Branch {
  const graph::Body* body = nullptr;
  std::span<const std::unique_ptr<kernels::Kernel>> kernels;  ///< One for each of its nodes.
};

/// One node's view of the plan that is being made. Inputs count as ONNX counts them.
class Builder {
 public:
  Builder(Planner& planner, const graph::Node& node) : planner_(planner), node_(node) {}

  dnn::Machine& machine();
  /// Of the pool that will run the steps.
  int threads() const;

  std::size_t input_count() const { return node_.inputs.size(); }
  bool has_input(std::size_t index) const;
  const Operand& input(std::size_t index) const;
  const graph::Activation& activation() const { return node_.activation; }
  bool has_residual() const { return node_.residual != graph::kLeftOut; }
  const Operand& residual() const;

  /// An input's memory in that layout; adds a step that reorders it where it lies otherwise.
  Result<BufferId> read(std::size_t index, const dnn::Layout& layout = {});
  /// Where an input's elements lie, for a kernel that can follow that; empty if they are
  /// neighbours.
  const Lying& lying(std::size_t index) const;
  /// The place of the first element in the memory of `read_as_it_lies`.
  std::int64_t start(std::size_t index) const;
  /// An input's memory where it is. Of a plain layout only.
  BufferId read_as_it_lies(std::size_t index) const;
  Result<BufferId> read_residual(const dnn::Layout& layout = {});
  /// True if nobody reads this input's memory after this node.
  bool may_overwrite(std::size_t index) const;
  bool may_overwrite_residual() const;

  bool has_output(std::size_t index) const;
  /// Memory for an output. Errors: Malformed for an absurd shape; Unavailable above the plan's
  /// limit.
  Result<BufferId> write(std::size_t index, DataType dtype, Shape shape,
                         const dnn::Layout& layout = {});
  /// An output of the same size as an input takes over its memory, which the step overwrites.
  BufferId write_over(std::size_t index, std::size_t input, DataType dtype, Shape shape);
  BufferId write_over_residual(std::size_t index, Shape shape);
  /// An output that is the input in another shape. The input must be read row-major.
  Result<void> view(std::size_t index, std::size_t input, Shape shape);
  /// An output that is the input broadcast to `shape`, without a copy: true where the input's
  /// elements are no neighbours anyway or whole matrices repeat; false leaves it to be copied.
  bool view_spread(std::size_t index, std::size_t input, const Shape& shape);
  /// The same for one dimension, of which there are `whole` times all, each index `each` times in a
  /// row.
  bool view_repeated(std::size_t index, std::size_t input, std::size_t axis, std::int64_t whole,
                     std::int64_t each);
  /// An output that is input 0 from `first` on along `axis`: true only where its elements are no
  /// neighbours anyway.
  bool view_part(std::size_t index, std::size_t axis, std::int64_t first, const Shape& shape);
  /// Output 0 that is all inputs joined along `axis`: true only where their elements are no
  /// neighbours anyway, and lie in one memory at equal distances: the same input again and again,
  /// or the parts that it was split into.
  bool view_joined(std::size_t axis, const Shape& shape);

  /// Of an output that becomes input `past` of the next run: the memory that the input lies in,
  /// which has room behind it. None if it lies alone.
  std::optional<Shape> room(std::size_t index, std::size_t past) const;
  /// That output is the input and what a step of this node puts behind it, into the same memory.
  BufferId grow(std::size_t index, std::size_t past, Shape shape);

  /// An output whose elements are known from shapes alone.
  void know(std::size_t index, std::shared_ptr<const graph::Constant> constant);

  /// Plans `kernel` for this node as if an input had another shape of as many elements.
  Result<void> plan_reshaped(std::size_t input, Shape shape, kernels::Kernel& kernel);

  /// Memory for one step.
  Result<BufferId> scratch(std::uint64_t bytes);
  /// Memory of a kernel's own, which lives as long as the plan.
  BufferId keep(ByteView bytes, std::shared_ptr<const void> owner);

  /// `flops`: floating-point operations, if the step multiplies matrices or convolves.
  void step(std::vector<BufferId> buffers, Action action, double flops = 0);
  /// Adds the primitive's scratch memory by itself.
  Result<void> step(std::vector<BufferId> buffers, dnn::Primitive primitive);

 private:
  Planner& planner_;
  const graph::Node& node_;
};

}  // namespace torchkeep::runtime::plan
