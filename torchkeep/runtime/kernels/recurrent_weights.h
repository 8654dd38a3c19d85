#pragma once

#include "torchkeep/runtime/kernels/packed.h"
#include "torchkeep/runtime/kernels/recurrent.h"

/// The weights of a recurrent layer in the orders in which they are multiplied with: made once
/// where they are parameters, in each run where they are computed.
namespace torchkeep::runtime::kernels {

/// *Not thread-safe.*
class RecurrentWeights {
 public:
  /// `input`: W, [directions, gates * hidden, input]; `state`: R. Either is null if it is computed;
  /// one of another shape is left to the planner's complaint.
  RecurrentWeights(std::size_t directions, std::size_t hidden, std::size_t gates,
                   std::shared_ptr<graph::Constant> input, std::shared_ptr<graph::Constant> state);

  bool packs(std::size_t input) const { return input == 1 ? has_input_ : input == 2 && has_state_; }
  std::uint64_t bytes() const;
  /// Of W, as the node reads it.
  Result<Shape> input_shape(const plan::Builder& builder) const;

  /// Adds the products of all steps' input with W, one a direction: [rows, gates * hidden], the
  /// bias in `biases[d]` added unless there are none.
  Result<std::vector<plan::BufferId>> multiply_input(plan::Builder& builder,
                                                     const RecurrentSizes& sizes, plan::BufferId x,
                                                     std::span<const plan::BufferId> biases);

  /// R of all directions in panels.
  Result<plan::BufferId> panels(plan::Builder& builder, const RecurrentProduct& product);

 private:
  Result<plan::BufferId> turned(plan::Builder& builder, std::size_t direction,
                                const RecurrentSizes& sizes) const;
  Result<void> split();

  std::size_t directions_, width_;
  bool has_input_ = false, has_state_ = false;
  std::int64_t input_size_ = 0;
  std::shared_ptr<graph::Constant> input_, state_;  // until they are packed
  std::vector<Packed> packed_;                      // W, one a direction
  Shelf::Room panels_;
};

}  // namespace torchkeep::runtime::kernels
