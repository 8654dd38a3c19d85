#pragma once

#include "torchkeep/runtime/kernels/packed.h"

/// How a matrix is multiplied with: parameters by a loop of our own where one suits, which needs no
/// primitive, the rest by oneDNN.
namespace torchkeep::runtime::kernels {

/// Whether parameters of that product lie in dnn::column_panels, for a loop of our own, with
/// however many rows they are multiplied.
bool goes_into_tiles(const dnn::MatMul& product);

class ChosenProduct {
 public:
  /// `weights`: null if they are computed, or 8 bit numbers that `product` says how to scale.
  /// `pack`: they lie as is best; where they are, with one row they stay as they lie.
  /// Errors: as dnn::make_matmul.
  static Result<ChosenProduct> choose(plan::Builder& builder, const dnn::MatMul& product,
                                      const Packed* weights, bool pack);

  /// How the weights must lie.
  const dnn::Layout& weights() const { return planned_.weights; }

  /// Adds the step. `buffers`: input, weights, bias if there is one, output; with a residual, which
  /// the output's memory holds already. Activations fused onto the node are done too unless `bends`
  /// is false, which primitives are told by `product`.
  Result<void> add_step(plan::Builder& builder, bool bends, std::vector<plan::BufferId> buffers) &&;

 private:
  explicit ChosenProduct(const dnn::MatMul& product) : product_(product) {}

  dnn::MatMul product_;
  bool by_hand_ = false;
  std::uint64_t panel_floats_ = 0;  ///< From one panel of the weights to the next then.
  dnn::Planned planned_;            ///< Without a primitive if it is done by hand.
};

}  // namespace torchkeep::runtime::kernels
