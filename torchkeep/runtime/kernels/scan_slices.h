#pragma once

#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// The same elements in memory of their own. Errors: Malformed for what is no tensor.
Result<Tensor> copy_of(const plan::View& view);

/// What has `index` in dimension `axis`, without that dimension. Both must be there.
/// Errors: Malformed for what is no tensor.
Result<Tensor> slice_of(const plan::View& view, std::size_t axis, std::int64_t index);

/// A stack, whose first dimension counts what was stacked, with that dimension at `axis`; negative
/// ones count from the last. Errors: Malformed for an axis that is not there.
Result<Tensor> stacked_along(Tensor stack, std::int64_t axis);

}  // namespace torchkeep::runtime::kernels
