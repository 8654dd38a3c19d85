#pragma once

#include <deque>

#include "torchkeep/runtime/plan/folded.h"
#include "torchkeep/runtime/plan/plan.h"
#include "torchkeep/runtime/plan/value_table.h"

/// The making of one plan; kernels see it through their `Builder`.
namespace torchkeep::runtime::plan {

/// What an operand takes in its layout.
std::uint64_t bytes_of(const Operand& operand);
/// Calls `f` with every value that a node reads, as Node::reads() names them; of a branch's end,
/// with what it hands on.
template <typename F>
void for_each_read(const graph::Node& node, const F& f) {
  for (const graph::ValueId input : node.inputs) f(input);
  for (const graph::ValueId capture : node.captures) f(capture);
  if (node.residual != graph::kLeftOut) f(node.residual);
}
template <typename F>
void for_each_read(const Item& item, const F& f) {
  if (item.body == nullptr) return for_each_read(*item.node, f);
  for (const graph::ValueId output : item.body->outputs) f(output);
}

class Planner {
 public:
  explicit Planner(const Request& request);
  Result<std::unique_ptr<Plan>> make();

  // For Builder.
  const Request& request() const { return request_; }
  const Operand& operand(graph::ValueId value);
  Result<BufferId> read(graph::ValueId value, const dnn::Layout& layout);
  BufferId buffer_of(graph::ValueId value);
  const Lying& lying_of(graph::ValueId value);
  std::int64_t start_of(graph::ValueId value);
  bool may_overwrite(graph::ValueId value);
  Result<BufferId> write(graph::ValueId value, Operand operand);
  BufferId write_over(graph::ValueId value, graph::ValueId input, Operand operand);
  Result<void> view(graph::ValueId value, graph::ValueId input, Shape shape);
  bool view_spread(graph::ValueId value, graph::ValueId input, const Shape& shape);
  bool view_repeated(graph::ValueId value, graph::ValueId input, std::size_t axis,
                     std::int64_t whole, std::int64_t each);
  bool view_part(graph::ValueId value, graph::ValueId input, std::size_t axis, std::int64_t first,
                 const Shape& shape);
  bool view_joined(graph::ValueId value, std::span<const graph::ValueId> inputs, std::size_t axis,
                   const Shape& shape);
  std::optional<Shape> room(graph::ValueId present, graph::ValueId past) const;
  BufferId grow(graph::ValueId present, Shape shape);
  void know(graph::ValueId value, ConstantPointer constant);
  Result<BufferId> add_arena_buffer(std::uint64_t bytes);
  BufferId add_fixed_buffer(std::byte* memory, std::uint64_t bytes,
                            std::shared_ptr<const void> owner);
  void add_step(Step step);
  Result<void> plan_reshaped(const graph::Node& node, std::size_t input, Shape shape,
                             kernels::Kernel& kernel);

 private:
  /// Of half floats that are widened while planning, so that their elements stay known.
  static constexpr std::uint64_t kMaxKnownWideBytes = 65536;

  /// Of what is known, and of parameters that kernels have packed: most of them no step reads, and
  /// the first that does gives them one.
  static constexpr BufferId kNoBuffer = ~BufferId{0};

  struct ValueState {
    Operand operand;
    BufferId buffer = kNoBuffer;
    std::vector<std::pair<dnn::Layout, BufferId>> copies;  ///< In other layouts.
    Lying lying = {};  ///< Where the layout is plain and elements are no neighbours all the same.
    std::int64_t start = 0;  ///< Of the first of them then.
  };

  // planner.cpp: node after node.
  /// Looks at the next item and notes why the plan must end before it, if it must.
  Result<bool> must_stop();
  Result<void> plan_item(const Item& item);
  Result<void> plan_node(const Item& item);
  void splice(const graph::Node& node, const Branch& branch);
  void end_branch(const Item& item);
  void count_more(graph::ValueId value);
  void read_once_less(graph::ValueId value);

  // values.cpp: what is known of values, and in which memory they lie; views.cpp: which lie in that
  // of others.
  ValueState& state(graph::ValueId value);
  /// Null if its elements are not known.
  const ConstantPointer* constant_of(graph::ValueId value);
  bool is_made(graph::ValueId value) const { return known_.find(value) || values_.find(value); }
  /// The same elements, in memory that small ones share if nobody else holds them.
  ConstantPointer shelved(ConstantPointer constant);
  void bind(graph::ValueId value, Operand operand, BufferId buffer, Lying lying = {},
            std::int64_t start = 0);
  Result<BufferId> read_gathered(graph::ValueId value);

  // folding.cpp: nodes that are run while planning.
  bool is_known(const graph::Node& node);
  Result<bool> fold(const Item& item);
  /// The same for what it made in the plan before, if its inputs are what they were then.
  bool fold_again(const graph::Node& node);

  // growing.cpp: state that is made longer where it lies.
  /// In place of the node's own kernel. Errors: Malformed as Concat's.
  Result<void> append(std::size_t growing);

  // halves.cpp: nodes whose half floats are widened.
  Result<void> plan_kernel(const Item& item);
  graph::ValueId add_temporary();
  Result<graph::ValueId> widened(graph::ValueId value);
  /// The node's output `value` is what was made for it, float32 rounded to `type`.
  Result<void> take_output(graph::ValueId value, graph::ValueId made, std::optional<DataType> type);

  // ends.cpp: what the plan leaves, and where in the arena everything else lies.
  /// What the items that are left read of the values that there are.
  void bind_rest();
  Result<void> bind_outputs(std::span<const graph::ValueId> outputs);
  Result<void> place_buffers();

  const Request& request_;
  std::unique_ptr<Plan> plan_ = std::make_unique<Plan>();
  ValueNumbers uses_;  ///< Of each value by what is to be planned.
  ValueTable<ValueState> values_;
  /// Most of them are shapes on their way into other shapes: only what somebody plans with gets a
  /// state too.
  ValueTable<ConstantPointer, 64> known_;
  std::vector<std::uint32_t> uses_left_;  ///< Of each buffer, through all values that lie in it.
  Folded folded_;
  std::vector<const graph::Constant*> known_inputs_;  ///< Of the node that is folded,
  Folded::Values folded_inputs_;                      ///< and who owns them.
  std::uint64_t folded_bytes_ = 0;
  std::shared_ptr<SecretBytes> shelf_;
  std::size_t shelf_filled_ = 0;
  const graph::Node* node_ = nullptr;
  std::uint32_t temporaries_ = 0;
  std::deque<Item> work_;  ///< What is yet to be planned.
};

}  // namespace torchkeep::runtime::plan
