#pragma once

#include <string_view>

namespace torchkeep {

/// Of the programs and the packages; CMakeLists.txt reads it here.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace torchkeep
