#pragma once

#include <unordered_map>

#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/plan/builder.h"

/// What is done, in which order and in which memory, to run a graph on inputs of certain shapes.
namespace torchkeep::runtime::plan {

struct Buffer {
  enum class Place { Arena, Input, Output, Fixed } place = Place::Arena;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  ///< In the arena; the number of the input or output tensor otherwise.
  std::byte* fixed = nullptr;
  std::shared_ptr<const void> owner;  ///< Of fixed memory.
};

struct Step {
  std::vector<BufferId> buffers;
  Action action;
  const graph::Node* node = nullptr;
  std::string implementation;  ///< oneDNN's, or "" for our own.
  double flops = 0;            ///< Of convolutions and matrix products.
  double work = 0;             ///< As Deadline counts it.
};

/// What a run of one plan, or of several, takes.
struct Cost {
  std::uint64_t arena_bytes = 0;
  double flops = 0;              ///< Of convolutions and matrix products, attention's among them.
  std::uint64_t read_bytes = 0;  ///< As they are stored: parameters, inputs and outputs that those
                                 ///< read. What comes and goes within the arena does not count.
};

using ConstantPointer = std::shared_ptr<const graph::Constant>;
/// Elements that are known beside the graph's own constants.
using KnownValues = std::unordered_map<graph::ValueId, ConstantPointer>;

/// State that a node makes longer where it lies: `past`, an input that has room behind it along
/// `axis`, and something new. `present` is what comes out.
struct Growing {
  const graph::Node* node = nullptr;
  graph::ValueId past = graph::kLeftOut, present = graph::kLeftOut;
  std::size_t axis = 0;
  bool by_kernel = false;  ///< The node's kernel appends by itself; else it is a Concat.
  Shape room;              ///< As `past` lies in memory: all of it, what is yet to come too.
};

class FoldedBefore;

/// What is planned: nodes in order, a kernel for each, and what is known of their values.
struct Request {
  const graph::Graph& graph;
  std::span<const Item> items;
  std::span<const graph::ValueId> input_values;
  std::span<const Operand> inputs;  ///< One for each of input_values.
  std::span<const graph::ValueId> outputs;
  dnn::Machine& machine;
  Pool& pool;
  std::uint64_t max_bytes = 0;  ///< Of arena and outputs together.
  const KnownValues* known = nullptr;
  std::span<const Growing> growing = {};
  bool fold = true;  ///< Nodes whose inputs are known by now are run while planning.
  FoldedBefore* folded_before = nullptr;  ///< What they made in the plan before this one, if kept.
};

/// Why a plan ends before the last node.
enum class Stop {
  None,
  Value,  ///< What comes next depends on a value's elements, which must be computed first.
  Alone,  ///< What comes next is an operator that runs by itself.
};

/// *Lives with one model.*
class Plan {
 public:
  /// Errors: Malformed, naming the node; Unavailable above `max_bytes`.
  static Result<std::unique_ptr<Plan>> make(const Request& request);

  std::uint64_t arena_bytes() const { return arena_bytes_; }
  const Cost& cost() const { return cost_; }
  const std::vector<Operand>& outputs() const { return outputs_; }
  /// Of each that grows, the shape that it has after a run. The plan must not be run if that is
  /// more than its room.
  const std::vector<Shape>& grown() const { return grown_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }

  Stop stop() const { return stop_; }
  /// Of a Stop::Value, the value whose elements are wanted.
  graph::ValueId wanted() const { return wanted_; }
  /// Of a Stop::Alone, the operator.
  const Item& alone() const { return alone_; }
  /// What is yet to be planned after a stop.
  const std::vector<Item>& rest() const { return rest_; }
  /// What the rest reads of this plan's values: the outputs, in their order, some of the inputs,
  /// and what is known.
  const std::vector<graph::ValueId>& output_values() const { return output_values_; }
  const std::vector<graph::ValueId>& kept_inputs() const { return kept_inputs_; }
  const KnownValues& known() const { return known_; }

  /// Runs once in `arena`, of at least `arena_bytes()`. `inputs` have the planned types and shapes.
  /// Writes `outputs` into the memory that they have, where it is of the size.
  /// `deadline` is asked before each step, and ends the run with Unavailable.
  /// Errors: Internal, Unavailable; context is left to the caller, `failed_node` names the node.
  Result<void> run(std::span<const View> inputs, MutableByteView arena, Pool& pool,
                   Deadline& deadline, std::vector<Tensor>& outputs);
  const graph::Node* failed_node() const { return failed_node_; }

 private:
  friend class Planner;
  Cost count_cost() const;

  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::vector<Operand> outputs_;
  std::vector<Shape> grown_;
  std::vector<BufferId> output_buffers_;
  std::vector<graph::ValueId> output_values_, kept_inputs_;
  Stop stop_ = Stop::None;
  graph::ValueId wanted_ = graph::kLeftOut;
  Item alone_;
  std::vector<Item> rest_;
  KnownValues known_;
  std::uint64_t arena_bytes_ = 0;
  Cost cost_;
  const graph::Node* failed_node_ = nullptr;
  std::vector<std::byte*> memory_;  ///< For each step's buffers, one step after the other.
};

/// Runs one node whose inputs are all known, and returns its outputs; those left out are null.
/// Errors: as Plan's.
Result<std::vector<ConstantPointer>> evaluate(const Request& request, const graph::Node& node,
                                              kernels::Kernel& kernel, const KnownValues& known);

}  // namespace torchkeep::runtime::plan
