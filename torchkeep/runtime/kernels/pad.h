#pragma once

#include "torchkeep/runtime/plan/builder.h"

namespace torchkeep::runtime::kernels {

/// Adds the copy of input 0 to output 0 with so many zeros before and after each dimension; below 0
/// so many indices fall away. Errors: Malformed for an absurd result.
Result<void> plan_zero_padding(plan::Builder& builder, const std::vector<std::int64_t>& before,
                               const std::vector<std::int64_t>& after);

}  // namespace torchkeep::runtime::kernels
