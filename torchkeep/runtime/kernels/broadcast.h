#pragma once

#include <array>

#include "torchkeep/runtime/plan/builder.h"

/// Two tensors whose dimensions of 1 are spread over the other's.
/// Source: ONNX, docs/Broadcasting.md.
namespace torchkeep::runtime::kernels {

/// Errors: Malformed, naming both shapes.
Result<Shape> broadcast_shapes(const Shape& left, const Shape& right);

/// How two row-major tensors are walked to make a third, row by row: each row is `columns` elements
/// of the result, and each side either advances along it or stays. *Immutable.*
class Broadcast {
 public:
  Broadcast(const Shape& left, const Shape& right, const Shape& output);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  /// Whether a side advances along a row; 0 or 1.
  std::size_t left_step() const { return steps_[0]; }
  std::size_t right_step() const { return steps_[1]; }
  /// Where a row begins on each side.
  std::pair<std::size_t, std::size_t> start_of(std::size_t row) const;

 private:
  std::size_t rows_ = 1, columns_ = 1;
  std::array<std::size_t, 2> steps_{};
  std::vector<std::size_t> sizes_;  ///< Of the outer dimensions, the innermost first.
  std::array<std::vector<std::size_t>, 2> strides_;
};

}  // namespace torchkeep::runtime::kernels
