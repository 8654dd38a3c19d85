#pragma once

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/tensor.h"

namespace torchkeep::runtime::kernels {

/// Tensors of one type and shape, one after the other along a new first dimension.
/// Errors: Malformed if there are none, whose shape nobody knows, or they differ.
inline Result<Tensor> stack(const std::vector<Tensor>& parts) {
  if (parts.empty()) return malformed("nothing was scanned, so that no shape is known");
  Shape shape = parts[0].shape;
  if (!is_tensor(parts[0].dtype)) return malformed("what is scanned is no tensor");
  for (const Tensor& part : parts) {
    if (part.shape != shape || part.dtype != parts[0].dtype)
      return malformed("what is scanned changes its shape from ", describe(shape), " to ",
                       describe(part.shape));
  }
  shape.insert(shape.begin(), static_cast<std::int64_t>(parts.size()));
  Tensor all = TRY(Tensor::uninitialised(parts[0].dtype, std::move(shape)));
  auto place = all.data.begin();
  for (const Tensor& part : parts) place = std::ranges::copy(part.data, place).out;
  return all;
}

}  // namespace torchkeep::runtime::kernels
