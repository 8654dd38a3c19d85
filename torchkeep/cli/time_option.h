#pragma once

#include <string>

#include "torchkeep/base/clock.h"

namespace torchkeep::cli {

/// The time that --at names: RFC 3339, in UTC ("Z") or with an offset ("+02:00").
/// Errors: InvalidArgument, with how to write one.
Result<TimePoint> parse_time_option(const std::string& text);

}  // namespace torchkeep::cli
