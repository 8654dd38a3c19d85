#pragma once

#include <cstdio>
#include <string>

namespace torchkeep::cli {

/// A measured number for people: three digits, or all before the point.
inline std::string rounded(double value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, value < 100 ? "%.3g" : "%.0f", value);
  return digits;
}

}  // namespace torchkeep::cli
