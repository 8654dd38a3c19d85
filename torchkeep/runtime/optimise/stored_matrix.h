#pragma once

#include "torchkeep/runtime/optimise/quantisations.h"

/// Matrices that DequantizeLinear makes of parameters, as passes find them.
namespace torchkeep::runtime::optimise {

/// A matrix, its scales and zero points as written: [inner, columns], or the other way round.
struct StoredMatrix {
  std::shared_ptr<const graph::Constant> numbers, scales, zeros;
  bool turned = false;
  std::size_t inner = 0, columns = 0;
  std::size_t block = 0;  ///< Of how many rows each has a scale; 0: all of them.

  std::size_t blocks() const { return block == 0 ? 1 : (inner + block - 1) / block; }
  /// Where the scale and the zero point of a number stand.
  std::size_t scale_of(std::size_t row, std::size_t column) const {
    if (scales->elements<float>().size() == 1) return 0;
    if (block == 0) return column;
    return turned ? column * blocks() + row / block : row / block * columns + column;
  }
};

/// Of a DequantizeLinear. None if scales or zero points do not fit, or what it reads is no
/// parameter.
std::optional<StoredMatrix> find_stored_matrix(const graph::Graph& graph, const graph::Node& node,
                                               bool turned);

/// The numbers less their zero points as INT8 [inner, columns]. None if one of them takes more than
/// 8 bits. Errors: Unavailable if memory is short.
Result<std::shared_ptr<graph::Constant>> take_numbers(const StoredMatrix& matrix);
/// The scales as floats [blocks, columns]. Errors: Unavailable if memory is short.
Result<std::shared_ptr<graph::Constant>> take_scales(const StoredMatrix& matrix);

/// Whether a MatMul or Gemm is one of floats that can have a stored matrix of that many columns.
bool takes_stored_matrix(const graph::Graph& graph, const graph::Node& node, std::size_t columns);
/// Whether input 1 of a Gemm is written the other way round.
bool turns_matrix(const graph::Node& node);

}  // namespace torchkeep::runtime::optimise
