#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// Two tensors whose dimensions of 1 are spread over the other's.
/// Source: ONNX, docs/Broadcasting.md.
namespace torchkeep::runtime::kernels {

/// Errors: Malformed, naming both shapes.
Result<Shape> broadcast_shapes(const Shape& left, const Shape& right);

/// How row-major tensors are walked to make another, row by row: each row is `columns` elements of
/// the result, and each side either advances along it or stays. *Immutable.*
class Broadcast {
 public:
  Broadcast(const Shape& left, const Shape& right, const Shape& output)
      : Broadcast(std::vector<Shape>{left, right}, output) {}
  Broadcast(const std::vector<Shape>& sides, const Shape& output);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  /// Whether a side advances along a row; 0 or 1.
  std::size_t step(std::size_t side) const { return steps_[side]; }
  std::size_t left_step() const { return steps_[0]; }
  std::size_t right_step() const { return steps_[1]; }
  /// Where a row begins on a side.
  std::size_t start_of(std::size_t side, std::size_t row) const;
  /// The same for the first two sides.
  std::pair<std::size_t, std::size_t> start_of(std::size_t row) const {
    return {start_of(0, row), start_of(1, row)};
  }

 private:
  std::size_t rows_ = 1, columns_ = 1;
  std::vector<std::size_t> steps_;
  std::vector<std::size_t> sizes_;  ///< Of the outer dimensions, the innermost first.
  std::vector<std::vector<std::size_t>> strides_;
};

}  // namespace torchkeep::runtime::kernels
