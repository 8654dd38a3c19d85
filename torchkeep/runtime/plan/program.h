#pragma once

#include <list>

#include "torchkeep/runtime/plan/plan.h"

/// Nodes that are run for inputs of whatever shapes, by plans that are made when they are first
/// needed. Most programs are one plan. Where what comes next depends on elements that are computed,
/// the plan ends and the next one goes on with what was computed: plans form a tree, whose
/// branches are what shapes and elements can be.
namespace torchkeep::runtime::plan {

struct ProgramLimits {
  std::uint64_t max_bytes = 0;  ///< For the activations of one plan.
  std::size_t max_plans = 1;    ///< That are kept at each place of the tree, and 16 times in all.
};

/// *Not thread-safe.* Stays where it is.
class Program {
 public:
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  /// Graph, nodes and kernels outlive it. Programs that never run within each other may share the
  /// memory `arena`, which outlives them; without it this one has its own.
  Program(const graph::Graph& graph, std::vector<Item> items, std::vector<graph::ValueId> inputs,
          std::vector<graph::ValueId> outputs, ProgramLimits limits, SecretBytes* arena = nullptr);

  /// Makes the first plan, for inputs of these types and shapes.
  /// Errors: as Plan's.
  Result<const Plan*> prepare(std::span<const View> inputs, Context& context);

  /// Runs once. `known`: for each input, whether its elements decide shapes, so that a plan holds
  /// for these elements alone. Errors: as Plan's; they name the node.
  Result<std::vector<Tensor>> run(std::span<const View> inputs, const std::vector<bool>& known,
                                  Context& context);
  /// The same into the memory that `outputs` have, where it is of the size. A program of one plan
  /// that has run on these shapes before allocates nothing of its own.
  Result<void> run(std::span<const View> inputs, const std::vector<bool>& known, Context& context,
                   std::vector<Tensor>& outputs);

  /// Of the last run, or of what was prepared if there was none: the largest arena, and the rest
  /// of all its plans together.
  const Cost& last_cost() const { return last_cost_; }
  /// How many plans are kept, at most.
  std::size_t plans() const { return plans_; }

 private:
  /// What a plan depends on, besides the plan before it.
  struct Key {
    std::vector<DataType> types;
    std::vector<Shape> shapes;
    SecretBuffer elements;  ///< Of what must be known, one after the other.
  };
  struct Stage {
    Key key;
    std::unique_ptr<Plan> plan;
    std::list<Stage> next;  ///< The last used first.
  };
  struct Start {  ///< Of a plan: what there is.
    std::span<const Item> items;
    std::vector<graph::ValueId> values;
    std::vector<View> views;
    std::vector<bool> known;
    const KnownValues* constants = nullptr;
  };

  /// Keeps the last used of `stages` and of what follows them, `most` in all; returns how many.
  static std::size_t trim(std::list<Stage>& stages, std::size_t most);
  static bool fits(const Key& key, const Start& start);
  Result<Key> make_key(const Start& start) const;
  Result<Stage*> find_stage(std::list<Stage>& stages, const Start& start, Context& context);
  Result<std::unique_ptr<Plan>> make_plan(const Start& start, Context& context) const;
  Result<void> run_plan(Plan& plan, const Start& start, Context& context,
                        std::vector<Tensor>& outputs);
  Result<std::vector<Tensor>> run_alone(const Plan& plan, const Start& start,
                                        std::span<const Tensor> outputs, Context& context) const;
  /// What is there after a plan that stopped. Keeps `outputs` and `alone` alive.
  Start go_on(const Plan& plan, const Start& start, std::vector<Tensor> outputs,
              std::vector<Tensor> alone, std::list<Tensor>& kept) const;

  const graph::Graph& graph_;
  std::vector<Item> items_;
  std::vector<graph::ValueId> inputs_, outputs_;
  ProgramLimits limits_;
  std::list<Stage> stages_;
  std::size_t plans_ = 0;  ///< That were made since the last trim, and those that it left.
  Start first_;  ///< Of the first plan; kept so that its memory is there for the next run.
  SecretBytes own_arena_;
  SecretBytes* arena_;
  Cost last_cost_;
};

}  // namespace torchkeep::runtime::plan
