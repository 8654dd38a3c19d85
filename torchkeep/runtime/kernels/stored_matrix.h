#pragma once

#include <memory>
#include <optional>

#include "torchkeep/runtime/graph/graph.h"
#include "torchkeep/runtime/kernels/byte_panels.h"

/// Matrices of few bits as a model's file has them, and their way into panels.
namespace torchkeep::runtime::kernels {

/// A matrix of integers of 8 or 4 bits, its scales and zero points as written: [inner, columns], or
/// the other way round.
struct StoredMatrix {
  std::shared_ptr<const graph::Constant> numbers, scales;
  std::shared_ptr<const graph::Constant> zeros;  ///< Of the numbers' type; null: all are 0.
  bool turned = false;
  std::size_t inner = 0, columns = 0;
  std::size_t block = 0;  ///< Of how many rows each has a scale; 0: all of them.

  std::size_t blocks() const { return block == 0 ? 1 : (inner + block - 1) / block; }
  /// Where the scale and the zero point of a number stand.
  std::size_t scale_of(std::size_t row, std::size_t column) const {
    if (scales->bytes().size() == sizeof(float)) return 0;
    if (block == 0) return column;
    return turned ? column * blocks() + row / block : row / block * columns + column;
  }
};

/// The panels that hold the numbers less their zero points. None if one of those takes more than 8
/// bits. Reads all numbers, where their type does not tell.
std::optional<BytePanels> panels_of(const StoredMatrix& matrix);

/// Writes the matrix to such panels, and its scales beside them: as many bytes and floats as
/// byte_panels.h says. Takes little memory besides.
void pack_matrix(const StoredMatrix& matrix, const BytePanels& panels, std::uint8_t* bytes,
                 float* factors);

}  // namespace torchkeep::runtime::kernels
