#pragma once

#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/plan/builder.h"

/// From sums of products of 8 bit numbers to what a product marked as quantised writes.
namespace torchkeep::runtime::kernels {

/// *Immutable.*
class Rescale {
 public:
  /// For a node whose mark the optimiser set. `channels`: those of the weights.
  /// Errors: Malformed for constants that do not follow the mark.
  static Result<Rescale> make(const NodeReader& node, std::size_t channels);

  bool has_bias() const { return joined_ != nullptr; }
  /// Of the output, and of the residual, if there is one.
  DataType output() const { return output_.dtype; }
  /// What oneDNN is told. `joined`: with the residual and the activation; otherwise the product
  /// alone, as float32.
  dnn::Quantised numbers(bool joined) const;
  dnn::Epilogue epilogue(const plan::Builder& builder) const;
  /// Float32, one for each channel.
  plan::BufferId bias(plan::Builder& builder, bool joined) const;

  /// Errors: Malformed if input 0 is not of the type that the mark says.
  Result<void> expect_input(const plan::Builder& builder) const;
  /// For a residual of another shape: output 0 becomes `result`, row-major float32 of `shape`, plus
  /// the residual, each spread over the other, bent and quantised.
  /// Errors: Malformed if the shapes cannot be spread.
  Result<void> add_residual_apart(plan::Builder& builder, const Shape& shape,
                                  plan::BufferId result) const;

 private:
  /// Of a float: dtype is Float32.
  struct Numbers {
    DataType dtype = DataType::Float32;
    float scale = 1;
    std::int32_t zero = 0;
  };
  static Numbers numbers_of(const std::optional<graph::Quantisation>& quantisation);

  Numbers input_, residual_, output_;
  bool bent_ = false;                            ///< By a curve, whose scale is not ours to choose.
  std::vector<float> scales_;                    ///< Of the product as float32.
  std::shared_ptr<SecretBytes> apart_, joined_;  ///< Biases; the residual's zero point is in one.
};

}  // namespace torchkeep::runtime::kernels
