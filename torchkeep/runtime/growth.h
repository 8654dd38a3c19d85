#pragma once

#include <list>

#include "torchkeep/runtime/carried.h"
#include "torchkeep/runtime/parts.h"
#include "torchkeep/runtime/plan/folded.h"

/// Runs of a model whose state grows where it lies. Where each output that is state is a Concat of
/// the input that it becomes and of something new, or what Attention makes of its past, a run
/// appends to memory that has room, and copies nothing of what was there: a language model's keys
/// and values.
namespace torchkeep::runtime {

/// *Not thread-safe*: under the model's lock. The graph and the kernels outlive it.
class Growth {
 public:
  struct Limits {
    std::uint64_t max_bytes = 0;  ///< For the activations of one plan.
    std::size_t max_plans = 1;
  };

  /// None if some of the state is made in another way.
  static std::optional<Growth> find(const graph::Graph& graph, std::vector<plan::Item> items,
                                    std::span<const Link> links, Limits limits);

  const std::vector<Link>& links() const { return links_; }
  const plan::Cost& last_cost() const { return last_cost_; }

  /// Runs once. State comes from `state`, at first from `inputs`, whose own tensors were checked.
  /// `outputs` of the state stay empty. False if the model's plans end where elements decide: the
  /// state is then in tensors that fit, and such a model grows in the other way.
  /// Errors: as Plan's; InvalidArgument and Unavailable as `Carried::run`. The state is then what
  /// it was.
  Result<bool> run(std::span<const Tensor> inputs, Carried& state, plan::Context& context,
                   SecretBytes& arena, std::vector<Tensor>& outputs);

 private:
  struct Known {
    std::vector<Shape> shapes;  ///< Of all inputs.
    std::vector<Shape> rooms;
    std::unique_ptr<plan::Plan> plan;
  };

  Growth(const graph::Graph& graph, std::vector<plan::Item> items, std::vector<Link> links,
         Limits limits)
      : graph_(&graph), items_(std::move(items)), links_(std::move(links)), limits_(limits) {}

  Result<void> make_rooms(std::span<const Shape> wanted, Carried& state) const;
  Result<plan::Plan*> find_plan(std::span<const plan::View> views, plan::Context& context);
  Result<std::unique_ptr<plan::Plan>> make_plan(std::span<const plan::View> views,
                                                plan::Context& context);
  Result<plan::Plan*> plan_with_room(Carried& state, std::vector<plan::View>& views,
                                     plan::Context& context);
  Result<bool> run_in_rooms(std::span<const Tensor> inputs, Carried& state, bool first,
                            plan::Context& context, SecretBytes& arena,
                            std::vector<Tensor>& outputs);

  const graph::Graph* graph_;
  std::vector<plan::Item> items_;
  std::vector<Link> links_;
  Limits limits_;
  std::vector<plan::Growing> growing_;  // of each link, with the room of the state at hand
  std::vector<graph::ValueId> outputs_;
  std::list<Known> plans_;  // the last used first
  plan::FoldedBefore folded_before_;
  plan::Cost last_cost_;
};

}  // namespace torchkeep::runtime
