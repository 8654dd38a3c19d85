#pragma once

#include <optional>

#include "torchkeep/runtime/kernels/strided.h"

/// Elements that are no neighbours in memory: of a tensor that is the corner of a larger one, or
/// that repeats itself.
namespace torchkeep::runtime::plan {

/// A corner of `room`, which lies row-major. Both have as many dimensions.
Lying lying_in(const Shape& shape, const Shape& room);
/// The same elements in another shape of as many, if their places can still be told.
std::optional<Lying> reshaped(const Lying& lying, const Shape& shape);
/// Dimensions of 1 repeated, and new ones in front, as ONNX broadcasts.
Lying spread(const Lying& lying, const Shape& from, const Shape& to);
/// What brings them together, from element `start` on.
kernels::StridedCopy gathering(const Lying& lying, std::int64_t start);

}  // namespace torchkeep::runtime::plan
