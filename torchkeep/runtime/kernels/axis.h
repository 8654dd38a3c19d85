#pragma once

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/tensor.h"

namespace torchkeep::runtime::kernels {

/// The dimension that `axis` names; negative ones count from the last.
/// Errors: Malformed outside of -rank..rank-1.
inline Result<std::size_t> resolve_axis(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size)
    return malformed("axis ", axis, " is not among ", rank, " dimensions");
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

/// The product of dimensions first..last-1.
inline std::size_t extent(const Shape& shape, std::size_t first, std::size_t last) {
  std::size_t product = 1;
  for (std::size_t i = first; i < last; ++i) product *= static_cast<std::size_t>(shape[i]);
  return product;
}

}  // namespace torchkeep::runtime::kernels
