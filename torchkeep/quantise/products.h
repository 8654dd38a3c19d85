#pragma once

#include "torchkeep/quantise/source.h"

/// Which nodes are worth quantising, and why the others are not.
namespace torchkeep::quantise {

/// A Conv, Gemm or MatMul whose weights are parameters of floats.
struct Product {
  enum class Kind { Conv, Gemm, MatMul } kind = Kind::MatMul;
  std::size_t node = 0;
  const TensorProto* weights = nullptr;
  bool transposed = false;  ///< A Gemm's matrix that stands as [columns, inner].

  /// The dimension of the weights along which each index is an output's channel.
  std::size_t axis() const { return kind == Kind::Conv || transposed ? 0 : 1; }
  std::size_t channels() const { return static_cast<std::size_t>(weights->shape[axis()]); }
};

/// A node that stays as it is.
struct Left {
  std::string node, op, reason;
};

struct Wanted {
  bool convolutions = false;
  std::size_t fewest_weights = 1;  ///< Of a product that is worth it.
};

/// Why a Gemm with that many columns is none that the engine multiplies with integers; "" if it is.
std::string fault_of_gemm(const Source& source, const NodeProto& node, std::int64_t columns);

/// The products of the outermost graph; others that one might expect among them go to `left`.
std::vector<Product> find_products(const Source& source, const Wanted& wanted,
                                   std::vector<Left>& left);

}  // namespace torchkeep::quantise
