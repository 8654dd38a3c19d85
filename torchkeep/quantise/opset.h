#pragma once

#include "torchkeep/quantise/draft.h"

namespace torchkeep::quantise {

/// The oldest operator set that is raised: before it, too much was meant otherwise.
inline constexpr std::int64_t kOldestRaised = 11;
inline constexpr std::int64_t kNewestRaised = 21;

/// Lets the whole model follow operator set `wanted`, if it follows an older one. Operators whose
/// axes or sizes became an input (Reduce*, Squeeze, Unsqueeze, Split) are rewritten; all that mean
/// something else since are refused. Returns what was rewritten, counted.
/// Errors: InvalidArgument, naming the operator and the way out.
Result<std::map<std::string, std::size_t>> raise_opset(Draft& draft, std::int64_t wanted);

}  // namespace torchkeep::quantise
